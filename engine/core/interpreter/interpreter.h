// The IA-32 interpreter: complete on its own, and the oracle for the other processors.
//
// Decoded instructions (op.h) are kept in blocks keyed by physical address. Handlers chain through a block
// and from block to block; the run loop is entered for interrupts, timers, stops and faults only.
//
// Rules every handler keeps:
//  - It changes no architectural state before the last access that can fault (restartable instructions).
//    What must be undone otherwise is undone by the fault path of the handler itself.
//  - A guest exception is raised by fault(); it does not return (longjmp to the run loop, so no handler may
//    own an object with a destructor across a memory access). EIP is that of `current_`.
//  - Handlers that change CS, EFLAGS.TF/IF/VM/AC, CRn, segment attributes used by decoding, the A20 gate or the
//    TLB end the block: they set state_.eip and `return leave_block()`.
//
// Who lives where: dispatch and run loop in run_loop.cpp, block cache in block_cache.*, decoding in decoder.*,
// memory access in memory_access.{h,cpp}, semantics by SDM group in alu, shift, string, control, segment, system,
// x87; page walk in paging.cpp, delivery of events in exceptions.cpp, task switches in task_switch.cpp.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <memory>

#include "../cpu_state.h"
#include "../physical_memory.h"
#include "../vcpu.h"
#include "op.h"

namespace bancada {

class BlockCache;

enum class Access : uint8_t { read, write, fetch };

// How an event came to be, for exceptions.cpp (SDM 6.3, 6.4).
enum class EventKind : uint8_t {
  hardware_interrupt,
  software_interrupt,  // INT n, INT3, INTO: gate DPL is checked
  exception,           // fault, trap or abort: an error code may be pushed
  icebp,               // INT1: no DPL check
};

class Interpreter final : public Vcpu, private MemoryObserver {
 public:
  Interpreter(PhysicalMemory& memory, Bus& bus, Clock& clock);
  ~Interpreter() override;

  ExitReason run() override;
  ExitReason run_for(uint64_t instructions) override;
  CpuState& state() override;
  void state_changed() override;
  void reset() override;
  uint64_t retired() const override;
  bool read_linear(uint32_t linear, void* to, uint32_t length) override;
  bool write_linear(uint32_t linear, const void* from, uint32_t length) override;

  // ---- For handlers -------------------------------------------------------------------------------------
  // All public below this line so that handlers can be plain functions grouped by SDM chapter.

  CpuState state_;

  // -- Flags (lazy_flags.h): the six status flags of the last result.
  uint32_t flag_result_ = 1, flag_carries_ = 0;
  uint32_t flags() const;                 // EFLAGS with the status flags joined in
  void store_flags(uint32_t eflags);      // sets status and control bits alike; no privilege checks

  // -- Faults (exceptions.cpp)
  [[noreturn]] void fault(Vector vector);
  [[noreturn]] void fault(Vector vector, uint32_t error_code);  // DF, TS, NP, SS, GP, PF, AC
  [[noreturn]] void page_fault(uint32_t linear, uint32_t error_code);
  // Delivers through the IVT, IDT or a task gate, with contributory and double fault rules of SDM 6.15.
  // `return_eip` is what is pushed. Throws nothing; a triple fault sets shutdown_.
  void deliver(uint8_t vector, EventKind kind, bool has_error, uint32_t error_code, uint32_t return_eip);

  // -- Memory (memory_access.h): with all checks of segment, privilege and paging.
  template <typename T> T read(SegmentRegister segment, uint32_t offset);
  template <typename T> void write(SegmentRegister segment, uint32_t offset, T value);
  // Read-modify-write: check_write faults as a write would, before anything is read.
  template <typename T> void check_write(SegmentRegister segment, uint32_t offset);
  // Linear address after the segment checks for `size` bytes; faults with SS or GP(0).
  uint32_t linear_address(SegmentRegister segment, uint32_t offset, uint32_t size, Access access);
  template <typename T> T read_linear_user(uint32_t linear);               // as the current CPL
  template <typename T> void write_linear_user(uint32_t linear, T value);  // as the current CPL
  template <typename T> T read_system(uint32_t linear);                    // descriptor tables, TSS: supervisor
  template <typename T> void write_system(uint32_t linear, T value);
  uint32_t effective_address(const Op* op) const {
    return (state_.gpr[op->base] + (state_.gpr[op->index] << op->scale) + op->displacement) & op->address_mask;
  }

  // -- Stack: width of SP follows SS.B. push/pop change ESP only after the access.
  uint32_t stack_mask() const { return stack_mask_; }
  void push(uint32_t value, int size);
  uint32_t pop(int size);

  // -- Paging (paging.cpp)
  // Physical address (A20 applied) of a linear one, with A/D bits set; faults with #PF.
  uint32_t translate(uint32_t linear, Access access, bool user);
  // The same with no fault and no A/D changes: for debuggers and firmware. False when not mapped.
  bool probe(uint32_t linear, uint32_t& physical) const;
  void flush_tlb(bool keep_global);
  void flush_tlb_page(uint32_t linear);
  void load_cr0(uint32_t value);  // faults with GP(0) on illegal combinations; flushes as needed
  void load_cr3(uint32_t value);
  void load_cr4(uint32_t value);

  // -- Segments (segment.cpp, exceptions.cpp, task_switch.cpp)
  void load_segment(SegmentRegister segment, uint16_t selector);  // MOV/POP/LDS...: all faults; real and V86 modes too
  void far_jump(uint16_t selector, uint32_t offset, int operand_size);
  void far_call(uint16_t selector, uint32_t offset, int operand_size, uint32_t return_eip);
  void far_return(int operand_size, uint32_t release_bytes);
  void interrupt_return(int operand_size);
  enum class TaskSwitch : uint8_t { jump, call, iret, gate };
  void switch_task(uint16_t tss_selector, TaskSwitch how, bool has_error, uint32_t error_code, uint32_t return_eip);
  // I/O permission: CPL, IOPL and the TSS bitmap (SDM vol. 1, 18.5); faults with GP(0).
  void check_io(uint16_t port, int size);
  // Called after CS, SS or CPL changed: recomputes what decoding and fast paths derive from them.
  void segments_changed();

  // -- Control
  const Op* current_ = nullptr;   // the instruction being executed
  uint32_t block_eip_ = 0;        // EIP of the current block's first byte
  uint32_t current_eip() const { return block_eip_ + current_->offset; }
  uint32_t next_eip() const { return (block_eip_ + current_->offset + current_->length) & code_mask_; }
  // Ends the block after this instruction retired; state_.eip must be set. Returned by the handler.
  const Op* leave_block();
  bool shutdown_ = false;         // triple fault
  uint32_t code_mask_ = 0xFFFF;   // EIP mask by CS.D
  uint32_t stack_mask_ = 0xFFFF;  // ESP mask by SS.B
  bool user_ = false;             // CPL 3: pages are checked as user
  uint32_t pending_debug_ = 0;    // DR6 bits for a #DB trap after this instruction

  Bus& bus() { return bus_; }
  Clock& clock() { return clock_; }
  PhysicalMemory& memory() { return memory_; }

  // -- TLB: direct mapped, separate ways for loads and stores, and for user and supervisor.
  struct TlbEntry {
    uint32_t tag;      // linear page address, or TLB_INVALID
    uint64_t addend;   // host address minus linear address
  };
  static constexpr uint32_t TLB_ENTRIES = 1024;
  static constexpr uint32_t TLB_INVALID = 1;  // never equals a page address
  TlbEntry tlb_read_[2][TLB_ENTRIES];         // [user_]
  TlbEntry tlb_write_[2][TLB_ENTRIES];        // only pages whose stores need no look: no code, no dirty tracking pending

 private:
  void code_changed(uint32_t physical, uint32_t length) override;
  void map_changed() override;

  std::unique_ptr<BlockCache> blocks_;
  std::jmp_buf fault_exit_;
  friend class BlockCache;
  // The owner of run_loop.cpp adds what the loop needs here.
};

}  // namespace bancada
