// The run loop: what happens between blocks. Time, interrupts, faults, halts, and finding the next block.
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "../bus.h"
#include "../clock.h"
#include "../translator/translator.h"
#include "block_cache.h"
#include "decoder.h"
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

// Realtime: how many instructions may go by before the clock is looked at again. About 20 us.
constexpr uint64_t REALTIME_SLICE = 4096;
constexpr uint64_t TRANSLATED_SLICE = 16384;
constexpr uint64_t LONGEST_SLEEP_NS = 100'000'000;
constexpr uint32_t DR6_BS = 1u << 14;

std::string hexadecimal(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%llXh", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

const Op* op_continue(Interpreter& cpu, const Op* op) {
  cpu.retired_base_ += op->position;
  return go_to(cpu, cpu.block_eip_ + op->offset);
}

const Op* op_refetch(Interpreter& cpu, const Op* op) {
  cpu.retired_base_ += op->position;
  cpu.state_.eip = cpu.block_eip_ + op->offset;
  cpu.be_idle();
  return nullptr;
}

Interpreter::Interpreter(PhysicalMemory& memory, Bus& bus, Clock& clock, CpuModel model)
    : Vcpu(memory, bus, clock), model_(model), blocks_(std::make_unique<BlockCache>(*this)) {
  be_idle();
  for (JumpEntry& entry : jumps_) entry = {UINT64_MAX, nullptr};
  memory_.add_observer(this);
  clock_.set_retired_source([this] { return retired(); });
  reset();
}

Interpreter::~Interpreter() {
  memory_.remove_observer(this);
  clock_.set_retired_source([] { return uint64_t{0}; });
}

void Interpreter::reset() {
  if (host_faulted_) {
    // Nothing that was derived from guest code is trusted any more.
    host_faulted_ = false;
    blocks_->drop_all();
    if (translator_) {
      const uint32_t heat = translator_->heat();
      const WindowPolicy windows = translator_->windows().policy();
      translator_.reset();
      translator_ = std::make_unique<Translator>(*this, heat, windows);
    }
  }
  reset_processor(state_, cpu_facts(model_));
  shutdown_ = false;
  delivering_ = -1;
  ferr_ = false;
  nmi_ = false;
  pending_debug_ = 0;
  be_idle();
  state_changed();
}

HostFaultMender* Interpreter::mender() {
  return translator_.get();
}

std::string Interpreter::host_faulted(const HostFaultFacts& facts) {
  running_ = false;
  host_faulted_ = true;
  std::string where = "in the native core";
  if (translator_ && translator_->put_registers_back(facts)) {
    where = "in translated code";
    be_idle();
  } else if (current_ != &idle_) {
    state();
    retired_base_ += current_->position;
    be_idle();
  }
  std::string text = signal_name(facts.signal) + " at " + hexadecimal(facts.address) + ", " + where + " (" +
                     hexadecimal(facts.instruction) + ") at EIP " + hexadecimal(state_.eip);
  if (translator_) text += "; translations entered last, the newest first: " + translator_->entered_last();
  return text;
}

uint64_t Interpreter::retired() const {
  return retired_base_ + current_->position;
}

CpuState& Interpreter::state() {
  state_.eflags = flags();
  if (current_ != &idle_ && current_->opcode != 0 && !(current_->map == 0 && ((current_->opcode & 0xE4) == 0xE4))) {
    state_.eip = current_eip();
  }
  return state_;
}

void Interpreter::state_changed() {
  store_flags(state_.eflags);
  for (Segment& segment : state_.seg) segment.update_spans();
  flush_tlb(false);
  debug_registers_changed();
  segments_changed();
  attention_ = true;
  clock_check_at_ = 0;
}

uint8_t Interpreter::decode_mode() const {
  return static_cast<uint8_t>((state_.seg[CS].is_big() && state_.protected_mode() && !state_.v86() ? OP_CODE32 : 0));
}

void Interpreter::segments_changed() {
  const bool segmented = state_.protected_mode() && !state_.v86();
  stack_mask_ = segmented && state_.seg[SS].is_big() ? 0xFFFFFFFF : 0xFFFF;
  if (!segmented && state_.seg[SS].is_big()) stack_mask_ = 0xFFFFFFFF;
  user_ = state_.cpl == 3;
  tlb_set_ = user_ ? ((state_.cr0 & CR0_AM) && (state_.eflags & FLAG_AC) ? 2 : 1) : 0;
  code_span_ = static_cast<uint64_t>(state_.seg[CS].limit) + 1;
  fetch_context_ = mapping_generation_ << 2 | (decode_mode() ? 2u : 0u) | (user_ ? 1u : 0u);
  if (translator_) translator_->context_changed();
}

void Interpreter::code_mappings_changed() {
  last_generation_ = std::max((last_generation_ + 1) & 0x3FFFFFFF, 1u);
  mapping_generation_ = last_generation_;
  for (const FetchedPage& page : fetched_pages_) fetched_[page.linear >> 12] = false;
  fetched_pages_.clear();
  segments_changed();
}

void Interpreter::break_after_current() {
  limit_ = 0;
  attention_ = true;
}

void Interpreter::code_changed(uint32_t physical, uint32_t length) {
  blocks_->bytes_changed(physical, length);
  // A copy of part of a block is not known to the cache.
  if (current_ >= piece_ && current_ < piece_ + std::size(piece_)) {
    for (Op* op = piece_ + (current_ - piece_) + 1; op < piece_ + std::size(piece_); ++op) op->fn = op_refetch;
  }
}

void Interpreter::map_changed() {
  // Windows show nothing of what is tracked by map_changed() alone: frame buffers, and the A20 gate's other half.
  if (translator_ && map_generation_ != memory_.map_generation()) translator_->windows().close_all();
  map_generation_ = memory_.map_generation();
  flush_tlb(false);
}

void Interpreter::use_translator(uint32_t heat, WindowPolicy windows) {
  if (translator_) return;
  if (running_) throw std::logic_error("The processor runs: it cannot be given a translator.");
  blocks_->drop_all();
  translator_ = std::make_unique<Translator>(*this, heat, windows);
  flush_tlb(false);
  code_mappings_changed();
}

void Interpreter::use_no_translator() {
  if (!translator_) return;
  if (running_) throw std::logic_error("The processor runs: it cannot be left without its translator.");
  blocks_->drop_all();
  translator_.reset();
  flush_tlb(false);
  code_mappings_changed();
}

void Interpreter::forget_stores_to(uint32_t physical) {
  if (translator_) {
    translator_->pages().forget_stores_to(physical);
    translator_->windows().forget_stores_to(physical);
  }
  for_each_filled([physical](TlbEntry& entry) {
    if (entry.kind & TLB_STORE && (entry.kind & PAGE_MASK) == (physical & PAGE_MASK)) entry.tag = TLB_INVALID;
  });
}

ExitReason Interpreter::run() {
  const Running running(*this);
  return loop(UINT64_MAX);
}

ExitReason Interpreter::run_for(uint64_t instructions) {
  const Running running(*this);
  return loop(retired() + instructions);
}

Interpreter::Running::~Running() {
  cpu_.running_ = false;
  if (cpu_.release_wanted_) cpu_.release_caches();
}

void Interpreter::release_caches() {
  release_wanted_ = running_;
  if (running_) return;
  if (current_ != &idle_) {
    // A handler failed in the middle of a block: what the block knows goes to the state.
    state();
    retired_base_ += current_->position;
    be_idle();
  }
  blocks_->release();
  translator_.reset();
  flush_tlb(false);
  code_mappings_changed();
}

size_t Interpreter::cache_bytes() const {
  return blocks_->arena_bytes() + (translator_ ? Translator::CODE_BYTES : 0);
}

ExitReason Interpreter::loop(uint64_t stop_at) {
  if (translator_) translator_->run_begins();
  if (setjmp(fault_exit_) != 0) {
    // An instruction (or the delivery of an event) faulted.
    if (current_ != &idle_) {
      retired_base_ += current_->position;
      state_.eip = current_eip();
      be_idle();
    }
    // A fault takes the time of an instruction: a handler whose first instruction faults again must not stop the clock.
    ++retired_base_;
    const PendingFault fault = pending_fault_;
    deliver(fault.vector, EventKind::exception, fault.has_error, fault.error_code, state_.eip);
    single_step_ = false;
  }
  for (;;) {
    if (shutdown_) {
      shutdown_ = false;
      return ExitReason::shutdown;
    }
    if (watch_hit_) return ExitReason::debugger;
    if (attention_.load(std::memory_order_relaxed) && attention_.exchange(false)) {
      if (kicked_.exchange(false) && wires.on_kick) wires.on_kick();
      if (stop_.exchange(false)) return ExitReason::stop_requested;
      clock_check_at_ = 0;
    }
    if (retired_base_ >= stop_at) return ExitReason::stop_requested;
    if (retired_base_ >= clock_check_at_ || clock_.take_deadline_changed()) {
      if (clock_.next_deadline_ns() <= clock_.now_ns()) {
        clock_.run_due();
        if (stop_.exchange(false)) return ExitReason::stop_requested;
      }
      clock_.take_deadline_changed();
      plan_clock_check();
    }

    const bool shadow = state_.interrupt_shadow;
    state_.interrupt_shadow = false;
    if (!shadow) {
      if (single_step_) {
        // The instruction that began with TF set is done.
        single_step_ = false;
        pending_debug_ |= DR6_BS;
      }
      if (pending_debug_ != 0) {
        state_.dr[6] |= pending_debug_;
        pending_debug_ = 0;
        deliver(VECTOR_DB, EventKind::exception, false, 0, state_.eip);
        continue;
      }
      if (nmi_ && !state_.nmi_blocked) {
        nmi_ = false;
        state_.halted = false;
        state_.nmi_blocked = true;
        deliver(VECTOR_NMI, EventKind::hardware_interrupt, false, 0, state_.eip);
        continue;
      }
      if (intr_ && (state_.eflags & FLAG_IF)) {
        state_.halted = false;
        const uint8_t vector = acknowledge_interrupt();
        deliver(vector, EventKind::hardware_interrupt, false, 0, state_.eip);
        continue;
      }
    }
    if (state_.halted) {
      ExitReason reason;
      if (!sleep_until_event(reason)) return reason;
      clock_check_at_ = 0;
      continue;
    }
    if (blocks_->make_room()) code_mappings_changed();
    limit_ = std::min(stop_at, clock_check_at_);
    if ((code_breakpoints_ | data_breakpoints_) != 0) {
      limit_ = retired_base_ + 1;
      const uint32_t linear = state_.seg[CS].base + state_.eip;
      if (!std::exchange(passes_breakpoint_, false) && is_debugger_breakpoint(linear)) {
        state_.interrupt_shadow = shadow;
        return ExitReason::debugger;
      }
      const uint32_t hits = instruction_breakpoints(linear);
      if (hits != 0 && !shadow && !(state_.eflags & FLAG_RF)) {
        state_.dr[6] |= hits;
        fault(VECTOR_DB);
      }
    }
    state_.eflags &= ~FLAG_RF;  // it holds for one instruction only (SDM 17.3.1.1)
    single_step_ = state_.eflags & FLAG_TF;
    if (shadow || single_step_) limit_ = retired_base_ + 1;
    run_blocks();
  }
}

// Sets how far guest code may run before the clock is looked at again.
void Interpreter::plan_clock_check() {
  if (clock_.mode() == ClockMode::realtime) {
    clock_check_at_ = retired_base_ + (translator_ ? TRANSLATED_SLICE : REALTIME_SLICE);
    return;
  }
  const uint64_t deadline = clock_.next_deadline_ns();
  clock_check_at_ = deadline == UINT64_MAX ? UINT64_MAX : retired_base_ + clock_.instructions_until(deadline);
}

bool Interpreter::sleep_until_event(ExitReason& reason) {
  const uint64_t deadline = clock_.next_deadline_ns();
  if (clock_.mode() == ClockMode::instructions && !clock_.is_paced()) {
    if (deadline == UINT64_MAX) {
      reason = ExitReason::firmware_halt;
      return false;
    }
    clock_.skip_to(deadline);
    return true;
  }
  const uint64_t now = clock_.now_ns();
  const uint64_t wait_ns = std::min(deadline > now ? deadline - now : 0, LONGEST_SLEEP_NS);
  const auto asleep_at = std::chrono::steady_clock::now();
  {
    std::unique_lock<std::mutex> lock(sleep_mutex_);
    sleep_condition_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return attention_.load(); });
  }
  if (clock_.mode() == ClockMode::instructions) {
    // A kick may have come early: guest time goes on by what went by on the host, and never past the deadline.
    const std::chrono::nanoseconds slept = std::chrono::steady_clock::now() - asleep_at;
    clock_.skip_to(now + std::min(static_cast<uint64_t>(slept.count()), wait_ns));
  }
  return true;
}

void Interpreter::execute(const Op* op) {
#if defined(__OPTIMIZE__) && !defined(BANCADA_SANITIZE)
  current_ = op;
  op->fn(*this, op);
#else
  while (op != nullptr) {
    current_ = op;
    op = op->fn(*this, op);
  }
#endif
}

uint32_t Interpreter::fetch(uint32_t linear) {
  FetchEntry& entry = fetches_[(linear >> 12) % FETCH_ENTRIES];
  const uint32_t page = linear & PAGE_MASK;
  if (entry.page != page || entry.context != fetch_context_) {
    const uint32_t physical = translate(linear, Access::fetch, user_);
    entry = {page, fetch_context_, physical & PAGE_MASK};
    if (!fetched_[page >> 12]) {
      fetched_[page >> 12] = true;
      fetched_pages_.push_back({page, physical & PAGE_MASK, user_});
    }
  }
  return entry.physical | (linear & ~PAGE_MASK);
}

void Interpreter::run_blocks() {
  const uint32_t eip = state_.eip;
  block_eip_ = eip;
  if (eip >= code_span_) fault(VECTOR_GP, 0);
  const uint32_t linear = state_.seg[CS].base + eip;
  const uint64_t key = linear | static_cast<uint64_t>(fetch_context_) << 32;
  JumpEntry& entry = jumps_[jump_index(linear)];
  Block* block = entry.key == key && entry.block->ops[0].fn != op_refetch ? entry.block : nullptr;
  if (block == nullptr) {
    block = blocks_->find(fetch(linear), decode_mode());
    if (block == nullptr) block = find_across_pages(linear);
    if (block == nullptr) {
      run_undecoded(linear);
      return;
    }
    entry = {key, block};
  }
  uint64_t count = block->count;
  if (retired_base_ + count > limit_) count = limit_ > retired_base_ ? limit_ - retired_base_ : 1;
  // Near the end of the segment only what fits.
  while (count > 0 && eip + block->ops[count - 1].offset + block->ops[count - 1].length > code_span_) --count;
  if (count == 0) fault(VECTOR_GP, 0);
  if (count == block->count)
    execute(block->ops);
  else
    run_piece(*block, static_cast<uint32_t>(count));
}

void Interpreter::run_piece(const Block& block, uint32_t count) {
  for (uint32_t i = 0; i <= count; ++i) piece_[i] = block.ops[i];
  if (translator_) piece_[0].fn = block.first;
  piece_[count].fn = op_refetch;
  execute(piece_);
}

// The block of an instruction that lies in two pages of memory, which are touched in their order.
Block* Interpreter::find_across_pages(uint32_t linear) {
  const uint32_t in_first = PAGE_SIZE - (linear & ~PAGE_MASK);
  const uint32_t physical = fetch(linear);
  if (in_first >= LONGEST_INSTRUCTION || !(memory_.flags(physical) & PAGE_READ)) return nullptr;
  if (code_span_ - block_eip_ <= in_first) return nullptr;
  return blocks_->find_across(physical, fetch(linear + in_first) & PAGE_MASK, decode_mode());
}

// One instruction in a device, or in a page that goes on in itself: it is decoded each time.
void Interpreter::run_undecoded(uint32_t linear) {
  uint8_t bytes[LONGEST_INSTRUCTION + 1];
  const uint64_t to_limit = code_span_ - block_eip_;
  const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(LONGEST_INSTRUCTION, to_limit));
  Op op;
  uint32_t have = 0;
  DecodeResult result = DecodeResult::needs_more;
  while (have < wanted && result == DecodeResult::needs_more) {
    // Page by page: the second is only touched when the instruction needs it.
    const uint32_t piece = std::min(wanted - have, PAGE_SIZE - ((linear + have) & ~PAGE_MASK));
    bus_.read_memory(fetch(linear + have), bytes + have, piece);
    have += piece;
    result = decode_instruction(bytes, have, decode_mode(), model_, op);
  }
  if (result == DecodeResult::needs_more) fault(VECTOR_GP, 0);
  if (op.map & RELATIVE_BRANCH) op.imm += op.length;
  piece_[0] = op;
  piece_[1] = op;
  piece_[1].fn = op_continue;
  piece_[1].offset = op.length;
  piece_[1].position = 1;
  execute(piece_);
}

}  // namespace bancada
