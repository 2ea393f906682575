// Breakpoints of the debug registers DR0-DR3 and DR7 (SDM vol. 3, 17.2 and 17.3), and those of a debugger outside,
// which the guest does not see.
//
// While any is enabled the run loop takes one instruction at a time. Pages with a data breakpoint have no TLB entry, so
// that each access to them comes by here.
#include <algorithm>
#include <utility>

#include "interpreter.h"

namespace bancada {

namespace {

// DR7.R/W.
enum Condition : uint32_t { ON_EXECUTION = 0, ON_WRITE = 1, ON_PORT = 2, ON_ACCESS = 3 };

Condition condition_of(uint32_t dr7, unsigned number) {
  return static_cast<Condition>((dr7 >> (16 + 4 * number)) & 3);
}

// DR7.LEN: 1, 2 or 4 bytes; 10b is undefined and taken as 1.
uint32_t length_of(uint32_t dr7, unsigned number) {
  constexpr uint32_t LENGTHS[4] = {1, 2, 1, 4};
  return LENGTHS[(dr7 >> (18 + 4 * number)) & 3];
}

bool overlaps(const CpuState& state, unsigned number, uint32_t address, uint32_t size) {
  const uint32_t length = length_of(state.dr[7], number);
  const uint32_t first = state.dr[number] & ~(length - 1);
  return address - first < length || first - address < size;
}

}  // namespace

void Interpreter::debug_registers_changed() {
  const uint32_t before = data_breakpoints_;
  code_breakpoints_ = data_breakpoints_ = 0;
  for (unsigned i = 0; i < 4; ++i) {
    if (!((state_.dr[7] >> (2 * i)) & 3)) continue;
    uint32_t& kind = condition_of(state_.dr[7], i) == ON_EXECUTION ? code_breakpoints_ : data_breakpoints_;
    kind |= 1u << i;
  }
  if (!debugger_breakpoints_.empty()) code_breakpoints_ |= OF_DEBUGGER;
  if (!watchpoints_.empty()) data_breakpoints_ |= OF_DEBUGGER;
  if (before | data_breakpoints_) flush_tlb(false);
}

void Interpreter::set_debugger_stops(std::vector<uint32_t> breakpoints, std::vector<Watchpoint> watchpoints) {
  std::sort(breakpoints.begin(), breakpoints.end());
  debugger_breakpoints_ = std::move(breakpoints);
  watchpoints_ = std::move(watchpoints);
  debug_registers_changed();
}

bool Interpreter::is_debugger_breakpoint(uint32_t linear) const {
  return std::binary_search(debugger_breakpoints_.begin(), debugger_breakpoints_.end(), linear);
}

uint32_t Interpreter::instruction_breakpoints(uint32_t linear) const {
  uint32_t hits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    if (((code_breakpoints_ >> i) & 1) && state_.dr[i] == linear) hits |= 1u << i;
  }
  return hits;
}

bool Interpreter::is_watched(uint32_t linear) const {
  for (unsigned i = 0; i < 4; ++i) {
    if (((data_breakpoints_ >> i) & 1) && ((state_.dr[i] ^ linear) & PAGE_MASK) == 0) return true;
  }
  return std::any_of(watchpoints_.begin(), watchpoints_.end(), [linear](const Watchpoint& watch) {
    const uint32_t page = linear & PAGE_MASK;
    return page - (watch.linear & PAGE_MASK) <= (watch.linear & ~PAGE_MASK) + watch.length - 1;
  });
}

void Interpreter::note_data_access(uint32_t linear, uint32_t size, Access access) {
  for (unsigned i = 0; i < 4; ++i) {
    if (!((data_breakpoints_ >> i) & 1)) continue;
    const Condition condition = condition_of(state_.dr[7], i);
    const bool asked = condition == ON_ACCESS || (condition == ON_WRITE && access == Access::write);
    if (asked && overlaps(state_, i, linear, size)) pending_debug_ |= 1u << i;
  }
  for (const Watchpoint& watch : watchpoints_) {
    const bool asked = access == Access::write ? watch.writes : watch.reads;
    if (asked && (linear - watch.linear < watch.length || watch.linear - linear < size)) watch_hit_ = watch.linear;
  }
}

void Interpreter::note_port_access(uint16_t port, uint32_t size) {
  if (!(state_.cr4 & CR4_DE)) return;
  for (unsigned i = 0; i < 4; ++i) {
    if (!((data_breakpoints_ >> i) & 1) || condition_of(state_.dr[7], i) != ON_PORT) continue;
    if (overlaps(state_, i, port, size)) pending_debug_ |= 1u << i;
  }
}

}  // namespace bancada
