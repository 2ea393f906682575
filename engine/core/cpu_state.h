// The architectural state of one IA-32 processor.
//
// This is what every processor (interpreter, translator, KVM) works on, and exactly what is saved:
// a VM suspended under one of them resumes under another. Names follow the Intel SDM, volume 3.
#pragma once

#include <array>
#include <cstdint>

namespace bancada {

enum Register : uint8_t { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, NO_REGISTER };
enum SegmentRegister : uint8_t { ES, CS, SS, DS, FS, GS };

// IA32_EFER, SDM vol. 3, 2.2.1: of it 32-bit processors have the execute-disable enable alone.
constexpr uint64_t EFER_NXE = 1u << 11;

// EFLAGS, SDM 3.4.3.
constexpr uint32_t FLAG_CF = 1u << 0;
constexpr uint32_t FLAG_ONE = 1u << 1;
constexpr uint32_t FLAG_PF = 1u << 2;
constexpr uint32_t FLAG_AF = 1u << 4;
constexpr uint32_t FLAG_ZF = 1u << 6;
constexpr uint32_t FLAG_SF = 1u << 7;
constexpr uint32_t FLAG_TF = 1u << 8;
constexpr uint32_t FLAG_IF = 1u << 9;
constexpr uint32_t FLAG_DF = 1u << 10;
constexpr uint32_t FLAG_OF = 1u << 11;
constexpr uint32_t FLAG_IOPL = 3u << 12;
constexpr uint32_t FLAG_NT = 1u << 14;
constexpr uint32_t FLAG_RF = 1u << 16;
constexpr uint32_t FLAG_VM = 1u << 17;
constexpr uint32_t FLAG_AC = 1u << 18;
constexpr uint32_t FLAG_VIF = 1u << 19;
constexpr uint32_t FLAG_VIP = 1u << 20;
constexpr uint32_t FLAG_ID = 1u << 21;
constexpr uint32_t FLAGS_STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

// CR0, SDM 2.5.
constexpr uint32_t CR0_PE = 1u << 0;
constexpr uint32_t CR0_MP = 1u << 1;
constexpr uint32_t CR0_EM = 1u << 2;
constexpr uint32_t CR0_TS = 1u << 3;
constexpr uint32_t CR0_ET = 1u << 4;
constexpr uint32_t CR0_NE = 1u << 5;
constexpr uint32_t CR0_WP = 1u << 16;
constexpr uint32_t CR0_AM = 1u << 18;
constexpr uint32_t CR0_NW = 1u << 29;
constexpr uint32_t CR0_CD = 1u << 30;
constexpr uint32_t CR0_PG = 1u << 31;

// CR4, SDM 2.5.
constexpr uint32_t CR4_VME = 1u << 0;
constexpr uint32_t CR4_PVI = 1u << 1;
constexpr uint32_t CR4_TSD = 1u << 2;
constexpr uint32_t CR4_DE = 1u << 3;
constexpr uint32_t CR4_PSE = 1u << 4;
constexpr uint32_t CR4_PAE = 1u << 5;
constexpr uint32_t CR4_MCE = 1u << 6;
constexpr uint32_t CR4_PGE = 1u << 7;
constexpr uint32_t CR4_PCE = 1u << 8;
constexpr uint32_t CR4_OSFXSR = 1u << 9;
constexpr uint32_t CR4_OSXMMEXCPT = 1u << 10;

// Exception vectors, SDM 6.3.1.
enum Vector : uint8_t {
  VECTOR_DE = 0,
  VECTOR_DB = 1,
  VECTOR_NMI = 2,
  VECTOR_BP = 3,
  VECTOR_OF = 4,
  VECTOR_BR = 5,
  VECTOR_UD = 6,
  VECTOR_NM = 7,
  VECTOR_DF = 8,
  VECTOR_TS = 10,
  VECTOR_NP = 11,
  VECTOR_SS = 12,
  VECTOR_GP = 13,
  VECTOR_PF = 14,
  VECTOR_MF = 16,
  VECTOR_AC = 17,
  VECTOR_MC = 18,
  VECTOR_XM = 19,
};

// Bits of Segment::access: bits 40-47 and 52-55 of a descriptor, moved next to each other (SDM 3.4.5).
constexpr uint16_t ACCESS_TYPE = 0x000F;  // meaning depends on ACCESS_S
constexpr uint16_t ACCESS_ACCESSED = 0x0001;
constexpr uint16_t ACCESS_WRITABLE = 0x0002;     // data: writable; code: readable
constexpr uint16_t ACCESS_EXPAND_DOWN = 0x0004;  // data: expand down; code: conforming
constexpr uint16_t ACCESS_CODE = 0x0008;
constexpr uint16_t ACCESS_S = 0x0010;  // 1 = code or data, 0 = system
constexpr uint16_t ACCESS_DPL = 0x0060;
constexpr uint16_t ACCESS_PRESENT = 0x0080;
constexpr uint16_t ACCESS_AVL = 0x0100;
constexpr uint16_t ACCESS_DB = 0x0400;
constexpr uint16_t ACCESS_G = 0x0800;

// A segment register with its hidden part. `limit` is in bytes, already scaled by G.
// The spans are derived (see update_spans): how many bytes from offset 0 may be read or written with no
// further check. 0 sends every access down the slow path, which decides or faults.
struct Segment {
  uint16_t selector = 0;
  uint16_t access = 0;
  uint32_t base = 0;
  uint32_t limit = 0;
  uint32_t unused = 0;
  uint64_t read_span = 0;
  uint64_t write_span = 0;

  uint8_t dpl() const { return static_cast<uint8_t>((access & ACCESS_DPL) >> 5); }
  bool is_big() const { return (access & ACCESS_DB) != 0; }

  // Recomputes read_span and write_span; must follow every change of access or limit.
  void update_spans() {
    const uint64_t span = static_cast<uint64_t>(limit) + 1;
    const bool usable = (access & (ACCESS_S | ACCESS_PRESENT)) == (ACCESS_S | ACCESS_PRESENT);
    const bool code = (access & ACCESS_CODE) != 0;
    const bool plain = usable && (code || (access & ACCESS_EXPAND_DOWN) == 0);
    read_span = plain && (!code || (access & ACCESS_WRITABLE)) ? span : 0;
    write_span = plain && !code && (access & ACCESS_WRITABLE) ? span : 0;
  }
};

struct DescriptorTable {
  uint32_t base = 0;
  uint16_t limit = 0xFFFF;
  uint16_t unused = 0;
};

// One x87 register: the 64-bit significand and the sign with the 15-bit exponent (SDM 8.2).
struct Float80 {
  uint64_t significand = 0;
  uint16_t sign_exponent = 0;
  std::array<uint16_t, 3> unused{};
};

// x87 (SDM 8.1). `st` is in physical order: ST(i) is st[(top + i) & 7]. `status` holds no TOP bits;
// `top` does. `tag_empty` has a bit set for each empty physical register.
struct X87State {
  std::array<Float80, 8> st{};
  uint16_t control = 0x037F;
  uint16_t status = 0;
  uint8_t top = 0;
  uint8_t tag_empty = 0xFF;
  uint16_t last_opcode = 0;
  uint32_t last_ip = 0, last_dp = 0;
  uint16_t last_cs = 0, last_ds = 0;
  uint32_t unused = 0;
};

struct Xmm {
  std::array<uint64_t, 2> lane{};
};

struct Msrs {
  uint64_t apic_base = 0;
  uint32_t sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
  uint32_t tsc_aux = 0;
  uint64_t pat = 0x0007040600070406;
  uint64_t misc_enable = 1;
  uint64_t efer = 0;
  uint64_t mtrr_def_type = 0;
  std::array<uint64_t, 16> mtrr_variable{};
  std::array<uint64_t, 11> mtrr_fixed{};
};

// Saved as it lies in memory, so that equal states are equal bytes: `unused` members fill what would be padding.
struct CpuState {
  // gpr[NO_REGISTER] is always zero: an absent base or index register costs no test.
  std::array<uint32_t, 9> gpr{};
  uint32_t eip = 0;
  // The control bits of EFLAGS. While the interpreter runs, the six status flags live in its lazy form;
  // Interpreter::flags() joins them and store_flags() writes them back here before anybody else looks.
  uint32_t eflags = FLAG_ONE;
  uint32_t mxcsr = 0x1F80;
  std::array<Segment, 6> seg{};
  Segment ldtr, tr;
  DescriptorTable gdtr, idtr;
  uint32_t cr0 = CR0_ET | CR0_CD | CR0_NW, cr2 = 0, cr3 = 0, cr4 = 0;
  std::array<uint64_t, 4> pdpte{};  // loaded by MOV to CR3 when PAE is on
  std::array<uint32_t, 8> dr{0, 0, 0, 0, 0, 0, 0xFFFF0FF0, 0x400};
  uint8_t cpl = 0;
  bool halted = false;
  bool interrupt_shadow = false;  // after STI, MOV SS, POP SS: no interrupt for one instruction
  bool nmi_blocked = false;       // until IRET
  uint32_t unused = 0;
  uint64_t tsc_offset = 0;
  X87State x87;
  std::array<Xmm, 8> xmm{};
  Msrs msr;

  bool protected_mode() const { return (cr0 & CR0_PE) != 0; }
  bool v86() const { return (eflags & FLAG_VM) != 0; }
  uint8_t iopl() const { return static_cast<uint8_t>((eflags & FLAG_IOPL) >> 12); }

  // SDM 9.1.1: state after power-up or RESET#; `keep_fpu` for INIT#.
  void reset(bool init_only = false);
};

}  // namespace bancada
