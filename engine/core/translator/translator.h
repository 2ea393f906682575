// The translator: guest code that runs often becomes host code.
//
// It works on the interpreter's blocks. A block that was entered often enough is translated, and its first handler
// is exchanged for one that enters the translation. Host code leads from block to block by itself; it comes back to
// the interpreter at any instruction that needs it, with all guest state in place: the interpreter then carries out
// that instruction and goes on until it meets a translated block again. So every rare case (devices, faults, page
// crossings, code that changes, system instructions) has one implementation, the interpreter's.
//
// Registers while host code runs:
//   eax edx ebx ebp esi edi   the guest's own, in the host's registers of the same names
//   r11d, r12d                ECX, ESP: RCX is what JRCXZ tests, RSP is the host's
//   host flags                the guest's six status flags, always
//   rcx, r8, r9, r10          scratch
//   rsp                       a stack of return addresses: a guest's CALL is a CALL of the host's, so that its
//   processor
//                             foresees the returns. After each it is looked whether the guest returned there, too
//   r13                       instructions left before the run loop must be entered
//   r14                       HostPages table of the current privilege, plus 32: also a count of 32 for SHRX
//   gs (base)                 the window of the address space, where it has one: see windows.h
//   r15                       inside the Interpreter, at an address that ends in 44: also a count of 12 (44) for SHRX
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "../host_fault_guard.h"
#include "../interpreter/op.h"
#include "frame.h"
#include "host_pages.h"
#include "windows.h"

namespace bancada {

class Interpreter;
class CodeWriter;
struct Translation;

// What translated code takes for granted about a segment register while it runs.
enum class SegmentKind : uint8_t {
  checked,  // a limit that needs a look: left to the interpreter
  small,    // 64 KiB and more, readable and writable: real and V86 modes
  whole,    // 4 GiB, readable and writable
  flat,     // the same with base 0
};

// Segment kinds and what else a translation is good for as one number: two bits for each register, and these.
constexpr uint32_t KINDS_CS_READABLE = 1u << 12;
constexpr uint32_t KINDS_STACK32 = 1u << 13;
constexpr uint32_t KINDS_BACKWARD = 1u << 14;  // EFLAGS.DF
constexpr uint32_t KINDS_WINDOW = 1u << 15;    // the address space has a window
constexpr SegmentKind segment_kind(uint32_t kinds, unsigned segment) {
  return static_cast<SegmentKind>(kinds >> (segment * 2) & 3);
}

// Why translated code ends. Its address comes in TranslatorFrame::exit.
struct TranslationExit {
  enum class Kind : uint8_t {
    instruction,      // `op` is the interpreter's; what comes after it, too
    jump,             // on to TranslatorFrame::eip
    link,             // the same, and the way there will always be the same: aim `site` at it
    link_in_context,  // the same, as long as the mapping of code is the same
    budget,           // the block was not begun
    after_call,       // registers and flags are in place; `op` is next
    left_block,       // registers, flags and EIP are in place
  };
  Kind kind;
  Translation* from;
  const Op* op = nullptr;
  uint32_t clear = 0;                          // status flags that the host left in a state of its own: they read 0
  uint32_t x87_last = 0, x87_last_memory = 0;  // what of it is not in the frame
  uint8_t* site = nullptr;                     // displacement of a jump
  uint8_t* unlinked = nullptr;                 // where it leads as long as it is not linked
  uint8_t* contexts = nullptr;                 // a set of slots: 64 bits of the host code
  uint8_t* unknown = nullptr;                  // displacement of the jump in other contexts
  uint8_t changes = 0;                         // how often contexts did not agree where it leads
};

// The host code of one block, good for one EIP and one set of segment kinds. A block may have several: libraries lie
// elsewhere in each process.
struct Translation {
  Block* block;
  uint32_t eip;
  uint32_t kinds;
  uint32_t count;            // instructions
  bool leaves = false;       // the last one is the interpreter's
  uint32_t short_stays = 0;  // how often the interpreter was back too soon for the way to be worth it
  uint8_t* code = nullptr;
  uint8_t* gone = nullptr;      // what `code` jumps to once the block was dropped
  Translation* next = nullptr;  // of the same block
  uint32_t unfit_faults = 0;    // in its window, of accesses that no mapping helps
  // Instructions that may fault in the window: where their host code begins, in the order of addresses, and their
  // ways to the interpreter.
  struct Site {
    const uint8_t* code;
    const TranslationExit* exit;
  };
  std::vector<Site> sites;
  std::deque<TranslationExit> exits;
  std::vector<std::unique_ptr<Op[]>> calls;  // pairs: an instruction that the interpreter carries out, the way back
  struct Link {
    uint8_t* site;
    uint8_t* unlinked;
  };
  std::vector<Link> links_here;
};

struct TranslatorCounters {
  uint64_t translations = 0, bytes = 0, entries = 0, bails = 0, calls = 0, links = 0, jumps = 0, drops = 0, flushes = 0;
  uint64_t window_bails = 0;  // accesses in a window that the interpreter did
};

class Translator final : public HostFaultMender {
 public:
  // Whether this host can run translated code: an x86-64 processor with BMI2.
  static bool is_supported();

  // A block is translated when it is entered for the `heat`th time; with EVERY_BLOCK, also where that does not pay.
  // Throws HostMemoryError.
  static constexpr uint32_t EVERY_BLOCK = 1;
  static constexpr uint32_t DEFAULT_HEAT = 20;
  static constexpr size_t CODE_BYTES = 32u << 20;
  Translator(Interpreter& cpu, uint32_t heat, WindowPolicy windows);
  ~Translator() override;
  Translator(const Translator&) = delete;
  Translator& operator=(const Translator&) = delete;

  // -- From the interpreter
  void block_decoded(Block* block);
  void block_dropped(Block* block);
  void all_blocks_dropped();
  // The mapping of code, CS, a segment's kind or the privilege changed. Guests may do so all the time without ever
  // entering a translation in between: it is looked at then.
  void context_changed() { context_is_stale_ = true; }
  HostPages& pages() { return pages_; }
  Windows& windows() { return windows_; }
  const Windows& windows() const { return windows_; }
  // A run begins, maybe on another thread than the last.
  void run_begins() { window_base_ = nullptr, context_is_stale_ = true; }
  const TranslatorCounters& counters() const { return counters_; }

  // A miss in a window: the page is mapped, or the interpreter does the instruction.
  bool mend(const HostFaultFacts& facts, uint64_t& instruction, uint64_t& r9) override;
  // After a fault of the host's in translated code: what is in its registers goes to the guest's. False: not there.
  bool put_registers_back(const HostFaultFacts& facts);
  // EIPs, for crash reports.
  std::string entered_last() const;
  uint32_t heat() const { return heat_; }

  // -- From translated code
  // The guest's x87 registers into the host's unit; 0 when they are there.
  uint64_t bring_x87();
  // Whether its XMM registers and MXCSR may come: 0, and the trampoline loads them.
  uint64_t bring_sse();

  // -- From handlers
  const Op* warm(const Op* op);
  const Op* enter(const Op* op);
  const Op* rest(const Op* op);
  // One instruction of a translation, by the interpreter; 0: go on.
  uint64_t call(const Op* pair);
  void call_ended() { call_ended_ = true; }

 private:
  friend class BlockTranslator;

  struct ContextKey {
    uint32_t fetch_context, base, kinds;
    bool operator==(const ContextKey&) const = default;
  };
  struct Context {
    ContextKey key;
    uint32_t number;
  };
  // What runs before the run loop looks whether anybody wants it, in instructions. It bounds the depth of the host's
  // stack, too: each call is one of them.
  static constexpr uint64_t MOST_LEFT = 1u << 15;
  static constexpr size_t CALL_STACK_BYTES = MOST_LEFT * 8 + (128u << 10);  // and room for signal handlers
  static constexpr uint32_t CONTEXTS = 64;                                  // their slots are bits of a word
  static constexpr uint8_t MOST_CHANGES = 8;
  static constexpr size_t MOST_BLOCK_BYTES = 1u << 15;
  static constexpr uint32_t MOST_BACK_OFF = 12;
  // Calling the interpreter costs as much as so many instructions done by it, going in and out as much as so many. A
  // block that has fewer is better left to it.
  static constexpr size_t COST_OF_CALL = 8;
  static constexpr size_t COST_OF_LEAVING = 6;

  // Going in costs as much as so many instructions. A block that did not bring as many this often is interpreted for a
  // while when the interpreter comes to it; translations still lead to its translation.
  static constexpr uint64_t SHORT_STAY = 10;
  static constexpr uint32_t MOST_SHORT_STAYS = 64;
  static constexpr uint32_t REST = 4096;  // times

  // Beyond this many translations of a block the oldest goes.
  static constexpr uint32_t MOST_FOR_BLOCK = 6;
  // A block with this many accesses to what is in no window is translated to do without.
  static constexpr uint32_t MOST_UNFIT_FAULTS = 4;

  // An x87 instruction that FNSTENV may have to name.
  struct X87Record {
    uint32_t eip;
    uint16_t opcode;
    uint8_t segment;
  };
  uint32_t x87_record(const X87Record& record);
  void put_x87_back();

  void write_trampolines();
  // To what the table of jumps knows about the EIP in r8. Returns where the jump of a miss stands.
  uint8_t* write_jump_by_table(CodeWriter& code) const;
  bool every_block() const { return heat_ == EVERY_BLOCK; }
  uint32_t heat_for(const Block& block) const;
  Translation* translate(Block* block);
  void drop_all_code();
  void cut_off(Translation& translation);
  void do_without_window(Block& block);
  Translation* fitting(Block* block, uint32_t eip);
  Translation* translation_at(const uint8_t* code) const;
  void use_window(uint8_t* base);
  uint32_t segment_kinds();
  void look_at_context();
  Translation* find(uint32_t eip);
  void link(const TranslationExit& exit, Translation& to);
  void link_in_context(TranslationExit& exit, Translation& to);
  void forget_links_of(uint32_t slot);
  void stayed(Block* block, uint64_t instructions);
  void forget_jumps();
  void take_flags(uint32_t clear);
  void give_flags();

  Interpreter& cpu_;
  const uint32_t heat_;
  HostPages pages_;
  Windows windows_;
  uint8_t* window_base_ = nullptr;  // in the host's GS
  uint8_t* code_ = nullptr;
  uint8_t* first_free_ = nullptr;  // after the trampolines
  uint8_t* next_ = nullptr;
  uint8_t* anchor_ = nullptr;  // r15
  uint8_t* enter_code_ = nullptr;
  uint8_t* leave_code_ = nullptr;
  uint8_t* leave_bare_code_ = nullptr;
  uint8_t* by_table_code_ = nullptr;
  uint8_t* call_stack_ = nullptr;
  uint8_t* call_code_ = nullptr;
  uint8_t* bring_x87_code_ = nullptr;
  uint8_t* bring_sse_code_ = nullptr;
  std::vector<X87Record> x87_records_{{}};  // from 1
  Context contexts_[CONTEXTS] = {};
  std::vector<uint8_t*> links_of_[CONTEXTS];  // TranslationExit::contexts that have the slot
  uint32_t next_context_ = 1;
  uint32_t kinds_ = 0;
  bool context_is_stale_ = true;
  bool call_ended_ = false;
  TranslationExit call_exit_{};
  TranslationExit return_exit_{TranslationExit::Kind::jump, nullptr};
  std::vector<std::unique_ptr<Translation>> translations_;
  std::array<uint32_t, 8> entered_{};  // EIPs, a ring
  uint32_t entered_next_ = 0;
  TranslatorCounters counters_;
};

const Op* op_warm(Interpreter& cpu, const Op* op);
const Op* op_resting(Interpreter& cpu, const Op* op);
const Op* op_translated(Interpreter& cpu, const Op* op);
const Op* op_call_end(Interpreter& cpu, const Op* op);

}  // namespace bancada
