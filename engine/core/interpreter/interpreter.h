// The IA-32 interpreter: complete on its own, and the oracle for the other processors.
//
// Decoded instructions (op.h) are kept in blocks keyed by physical address. Handlers chain through a block
// and from block to block; the run loop is entered for interrupts, timers, stops and faults only.
//
// Rules every handler keeps:
//  - It changes no architectural state before the last access that can fault (restartable instructions).
//    What must be undone otherwise is undone by the fault path of the handler itself.
//  - A guest exception is raised by fault(); it does not return (longjmp to the run loop, so no handler may
//    own an object with a destructor across a memory access). EIP is that of `current_`, which the dispatcher
//    sets before each handler; outside a block `current_` is an idle op that stands at state_.eip.
//  - A handler ends with `return NEXT(cpu, op);` (dispatch.h) or `return cpu.leave_block();`.
//  - Handlers that change CS, EFLAGS.TF/IF/VM/AC, CRn, segment attributes used by decoding, the A20 gate or the
//    TLB end the block: they set state_.eip and `return leave_block()`.
//
// Who lives where: dispatch and run loop in run_loop.cpp, block cache in block_cache.*, decoding in decoder.*,
// memory access in memory_access.{h,cpp}, flags in lazy_flags.h, semantics by SDM group in alu, shift, string,
// control, segment, system, x87, sse_* with packed_integer, ssse3 and fxsave; page walk in paging.cpp, delivery of
// events in exceptions.cpp, task switches in task_switch.cpp.
#pragma once

#include <bitset>
#include <csetjmp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "../bus.h"
#include "../clock.h"
#include "../cpu_model.h"
#include "../cpu_state.h"
#include "../physical_memory.h"
#include "../translator/frame.h"
#include "../vcpu.h"
#include "op.h"

namespace bancada {

class BlockCache;
class Translator;
enum class WindowPolicy : uint8_t;

enum class Access : uint8_t { read, write, fetch };

// What the guest's tables say of a page.
struct PageFacts {
  uint32_t physical;
  bool user, writable, accessed, dirty;
  uint32_t tables[2];  // physical addresses of the page directory and the page table it is in
  uint32_t table_count;
};

// How an event came to be, for exceptions.cpp (SDM 6.3, 6.4).
enum class EventKind : uint8_t {
  hardware_interrupt,
  software_interrupt,  // INT n, INT3, INTO: gate DPL is checked
  exception,           // fault, trap or abort: an error code may be pushed
  icebp,               // INT1: no DPL check
};

class Interpreter final : public Vcpu, private MemoryObserver {
 public:
  Interpreter(PhysicalMemory& memory, Bus& bus, Clock& clock, CpuModel model);
  ~Interpreter() override;

  ExitReason run() override;
  ExitReason run_for(uint64_t instructions) override;
  CpuState& state() override;
  void state_changed() override;
  void reset() override;
  uint64_t retired() const override;
  bool read_linear(uint32_t linear, void* to, uint32_t length) override;
  bool write_linear(uint32_t linear, const void* from, uint32_t length) override;

  // Where run() ends with ExitReason::debugger: before an instruction at one of these linear addresses (not the first
  // one of a run), after an access to a range of linear memory. While there are any, instructions are taken one at a
  // time. Between runs only.
  struct Watchpoint {
    uint32_t linear, length;
    bool reads, writes;
  };
  void set_debugger_stops(std::vector<uint32_t> breakpoints, std::vector<Watchpoint> watchpoints);
  // The watchpoint that ended the last run.
  const std::optional<uint32_t>& watch_hit() const { return watch_hit_; }

  // From now on code that runs often is translated: blocks entered `heat` times. Between runs only. Throws
  // HostMemoryError.
  void use_translator(uint32_t heat, WindowPolicy windows);
  void use_no_translator();
  std::string host_faulted(const HostFaultFacts& facts) override;
  HostFaultMender* mender() override;
  // Gives decoded and translated code back, and the translator with it; at the end of run() when guest code runs now.
  // Called on the processor's thread.
  void release_caches();
  // Host addresses that decoded and translated code holds.
  size_t cache_bytes() const;
  Translator* translator() const { return translator_.get(); }  // or nullptr

  // ---- For handlers -------------------------------------------------------------------------------------
  // All public below this line so that handlers can be plain functions grouped by SDM chapter.

  CpuState state_;

  const CpuModel model_;

  // -- Flags (lazy_flags.h, all inline): the six status flags of the last result.
  uint32_t flag_result_ = 1, flag_carries_ = 0;
  uint32_t flags() const;                  // EFLAGS with the status flags joined in
  void store_flags(uint32_t eflags);       // sets status and control bits alike; no privilege checks
  void set_status_flags(uint32_t eflags);  // only the six status flags, of the six bits given

  // -- Faults (exceptions.cpp)
  [[noreturn]] void fault(Vector vector);
  [[noreturn]] void fault(Vector vector, uint32_t error_code);  // DF, TS, NP, SS, GP, PF, AC
  [[noreturn]] void page_fault(uint32_t linear, uint32_t error_code);
  // What fault() leaves for the run loop before longjmp(fault_exit_, 1). The run loop then counts what retired,
  // sets state_.eip = current_eip() and calls deliver(vector, EventKind::exception, ..., state_.eip). deliver() itself
  // may fault again: it comes back here the same way, so what it was delivering must be kept in `delivering_`.
  struct PendingFault {
    uint8_t vector = 0;
    bool has_error = false;
    uint32_t error_code = 0;
  } pending_fault_;
  int delivering_ = -1;  // exceptions.cpp: vector under delivery, -1 = none
  std::jmp_buf fault_exit_;
  // Delivers through the IVT, IDT or a task gate, with contributory and double fault rules of SDM 6.15.
  // `return_eip` is what is pushed. Throws nothing; a triple fault sets shutdown_.
  void deliver(uint8_t vector, EventKind kind, bool has_error, uint32_t error_code, uint32_t return_eip);

  // -- Memory (memory_access.h): with all checks of segment, privilege and paging.
  template <typename T>
  T read(SegmentRegister segment, uint32_t offset);
  template <typename T>
  void write(SegmentRegister segment, uint32_t offset, T value);
  // Read-modify-write: check_write faults as a write would, before anything is read.
  template <typename T>
  void check_write(SegmentRegister segment, uint32_t offset);
  // Linear address after the segment checks for `size` bytes; faults with SS or GP(0).
  uint32_t linear_address(SegmentRegister segment, uint32_t offset, uint32_t size, Access access);
  template <typename T>
  T read_linear_user(uint32_t linear);  // as the current CPL
  template <typename T>
  void write_linear_user(uint32_t linear, T value);  // as the current CPL
  template <typename T>
  T read_system(uint32_t linear);  // descriptor tables, TSS: supervisor
  template <typename T>
  void write_system(uint32_t linear, T value);
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
  bool page_facts(uint32_t linear, PageFacts& facts) const;  // false when not mapped
  void flush_tlb(bool keep_global);
  void flush_data_mappings(bool keep_global);
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
  // Called after CS, SS, CPL, CR0.AM or EFLAGS.AC changed: recomputes what decoding and fast paths derive from
  // them (run_loop.cpp). Needs no leave_block() of its own, but the handler that called it must end the block.
  void segments_changed();
  // Called after DR0-DR3 or DR7 changed: breakpoints are checked in slow paths only (breakpoints.cpp).
  void debug_registers_changed();
  uint32_t instruction_breakpoints(uint32_t linear) const;  // DR6 bits of those at this address
  bool is_debugger_breakpoint(uint32_t linear) const;
  bool is_watched(uint32_t linear) const;  // the page has a data breakpoint: no TLB entry
  void note_data_access(uint32_t linear, uint32_t size, Access access);
  void note_port_access(uint16_t port, uint32_t size);
  // flush_tlb() and flush_tlb_page() must call it: fetches look linear addresses up anew (run_loop.cpp).
  void code_mappings_changed();

  // -- Control
  const Op* current_ = nullptr;  // the instruction being executed
  uint32_t block_eip_ = 0;       // EIP of the current block's first byte
  uint32_t current_eip() const { return block_eip_ + current_->offset; }
  // Not cut to 16 bits: running over the end of a 64 KiB segment is a limit fault, not a wrap.
  uint32_t next_eip() const { return block_eip_ + current_->offset + current_->length; }
  // Ends the block after this instruction retired; state_.eip must be set. Returned by the handler.
  const Op* leave_block() {
    retired_base_ += current_->position + 1u;
    current_ = &idle_;
    return nullptr;
  }
  // Between blocks: nothing is being executed, state_.eip is right.
  void be_idle() { current_ = &idle_; }
  // A store is about to hit a page with decoded code.
  void store_to_code(uint32_t physical, uint32_t length) { code_changed(physical, length); }
  // Counts the times decoded code was dropped since its bytes changed.
  uint64_t code_drops_ = 0;
  // TLB entries for stores to a physical page are made anew: it got its first code, or lost its last.
  void forget_stores_to(uint32_t physical);
  // Takes the run loop's attention right after the current instruction, wherever it stands in its block.
  void break_after_current();
  bool shutdown_ = false;         // triple fault
  uint32_t stack_mask_ = 0xFFFF;  // ESP mask by SS.B
  bool user_ = false;             // CPL 3: pages are checked as user
  uint32_t pending_debug_ = 0;    // DR6 bits for a #DB trap after this instruction (before leave_block())
  bool single_step_ = false;      // TF was set when the instruction began: #DB after it. deliver() clears it

  Bus& bus() { return bus_; }
  Clock& clock() { return clock_; }
  PhysicalMemory& memory() { return memory_; }

  // -- TLB: direct mapped, one array for loads and one for stores, each in three sets: supervisor, user, and
  // user with alignment checks (never filled, so that every access takes the slow path and is checked).
  // Entries are made by memory_access.cpp after translate(); paging.cpp only invalidates them (tag = TLB_INVALID).
  // It is in use with paging off too. An entry of a global page has TLB_GLOBAL in `kind`, taken from
  // translated_global_; one for stores has TLB_STORE and its physical page.
  struct TlbEntry {
    uint32_t tag;  // linear page address, TLB_INVALID, or page address + TLB_CODE
    uint32_t kind;
    uint64_t addend;  // host address minus linear address
  };
  static constexpr uint32_t TLB_ENTRIES = 1024;
  static constexpr uint32_t TLB_INVALID = 1;  // never equals a page address
  static constexpr uint32_t TLB_CODE = 2;     // stores: the page holds decoded code, each store must be looked at
  static constexpr uint32_t TLB_GLOBAL = 1;
  static constexpr uint32_t TLB_STORE = 2;
  static constexpr uint32_t TLB_SETS = 3;
  TlbEntry tlb_read_[TLB_SETS][TLB_ENTRIES];
  TlbEntry tlb_write_[TLB_SETS][TLB_ENTRIES];
  // The entries in use, so that a flush touches no others: guests flush far more often than they fill the TLB.
  // Beyond MOST_FILLED all entries count as in use until the next flush.
  static constexpr uint32_t MOST_FILLED = 1024;
  TlbEntry* filled_[MOST_FILLED];
  uint32_t filled_count_ = MOST_FILLED + 1;
  void enter(TlbEntry& entry, const TlbEntry& value) {
    if (entry.tag == TLB_INVALID && filled_count_ <= MOST_FILLED) {
      if (filled_count_ < MOST_FILLED) filled_[filled_count_] = &entry;
      ++filled_count_;
    }
    entry = value;
  }
  template <typename Visit>
  void for_each_filled(Visit visit);
  uint8_t tlb_set_ = 0;                   // the set of the current privilege
  std::bitset<1024> large_page_regions_;  // paging.cpp: 4 MiB regions where entries come from large pages
  bool translated_global_ = false;        // translate(): the page of the last call was global (CR4.PGE and PTE.G)

  // -- What block-to-block jumps look at (dispatch.h).
  uint64_t retired_base_ = 0;   // instructions retired before the current block; REP counts each iteration
  uint64_t limit_ = 0;          // a block that could retire beyond it is left to the run loop
  uint64_t code_span_ = 0;      // CS.limit + 1
  uint32_t fetch_context_ = 0;  // changes with every new mapping of code; low bits: decode mode and privilege
  struct JumpEntry {
    uint64_t key;  // linear address, fetch_context_ above it
    Block* block;
  };
  static constexpr uint32_t JUMP_ENTRIES = 1u << 15;
  JumpEntry jumps_[JUMP_ENTRIES];
  struct FetchEntry {
    uint32_t page;     // linear
    uint32_t context;  // fetch_context_; 0 never occurs
    uint32_t physical;
  };
  static constexpr uint32_t FETCH_ENTRIES = 64;
  FetchEntry fetches_[FETCH_ENTRIES] = {};
  // The linear pages that code was fetched from since code_mappings_changed(): the others' mappings concern no jump.
  std::bitset<1u << 20> fetched_;
  struct FetchedPage {
    uint32_t linear, physical;
    bool user;
  };
  std::vector<FetchedPage> fetched_pages_;
  // The same for address spaces that were left: when one comes back and its code is mapped as it was, all that is known
  // about jumps there holds again.
  struct CodeMap {
    uint32_t cr3 = 0;
    uint32_t generation = 0;  // 0: free
    uint64_t left_at = 0;     // for the choice of the one to give up
    std::vector<FetchedPage> pages;
  };
  static constexpr uint32_t CODE_MAPS = 16;
  CodeMap code_maps_[CODE_MAPS];
  void forget_address_spaces();  // blocks are gone: what jumps know of them must not come back
  void leave_address_space();
  bool return_to_address_space();
  bool attention() const { return attention_.load(std::memory_order_relaxed); }
  // A device was called in the middle of an instruction: if it wants anything, see to it after the instruction.
  void device_called() {
    if (attention() || clock_.take_deadline_changed()) break_after_current();
  }
  TranslatorFrame translator_frame_;
  bool ferr_ = false;              // x87.cpp: FERR# is active
  uint32_t code_breakpoints_ = 0;  // bit i: DR7 has instruction breakpoint i enabled
  uint32_t data_breakpoints_ = 0;  // bit i: DR7 has data (or I/O) breakpoint i enabled
  // Of both: a debugger has such.
  static constexpr uint32_t OF_DEBUGGER = 1u << 31;

 private:
  void code_changed(uint32_t physical, uint32_t length) override;
  void map_changed() override;

  ExitReason loop(uint64_t stop_at);
  void run_blocks();
  void execute(const Op* op);
  void run_piece(const Block& block, uint32_t count);
  Block* find_across_pages(uint32_t linear);
  void run_undecoded(uint32_t linear);
  void plan_clock_check();
  bool sleep_until_event(ExitReason& reason);
  uint32_t fetch(uint32_t linear);
  uint8_t decode_mode() const;

  std::unique_ptr<BlockCache> blocks_;
  std::unique_ptr<Translator> translator_;
  // Alive while run() or run_for() is: caches are in use.
  class Running {
   public:
    explicit Running(Interpreter& cpu) : cpu_(cpu) {
      cpu.running_ = cpu.passes_breakpoint_ = true;
      cpu.watch_hit_.reset();
    }
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    Interpreter& cpu_;
  };
  bool running_ = false, release_wanted_ = false, host_faulted_ = false;
  std::vector<uint32_t> debugger_breakpoints_;  // sorted
  std::vector<Watchpoint> watchpoints_;
  std::optional<uint32_t> watch_hit_;
  bool passes_breakpoint_ = false;  // the first instruction of a run
  Op idle_{};
  Op piece_[40];                 // a copy of part of a block, or an instruction that crosses a page
  uint32_t map_generation_ = 0;  // of the physical memory
  uint32_t mapping_generation_ = 1, last_generation_ = 1;
  uint64_t clock_check_at_ = 0;  // instructions retired when the clock must be looked at
  friend class BlockCache;
};

template <typename Visit>
void Interpreter::for_each_filled(Visit visit) {
  const uint32_t count = filled_count_;
  filled_count_ = 0;
  const auto look_at = [&](TlbEntry& entry) {
    visit(entry);
    if (entry.tag == TLB_INVALID) return;
    if (filled_count_ < MOST_FILLED) filled_[filled_count_] = &entry;
    if (filled_count_ <= MOST_FILLED) ++filled_count_;
  };
  if (count <= MOST_FILLED) {
    for (uint32_t i = 0; i < count; ++i) look_at(*filled_[i]);
    return;
  }
  for (uint32_t set = 0; set < TLB_SETS; ++set) {
    for (TlbEntry& entry : tlb_read_[set]) look_at(entry);
    for (TlbEntry& entry : tlb_write_[set]) look_at(entry);
  }
}

}  // namespace bancada
