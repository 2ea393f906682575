#include "local_apic.h"

#include <algorithm>
#include <bit>

#include "clock.h"

namespace bancada {

namespace {

// Register numbers: offset / 10h (SDM table 10-1).
constexpr uint32_t ID = 0x02;
constexpr uint32_t VERSION = 0x03;
constexpr uint32_t TPR = 0x08;
constexpr uint32_t APR = 0x09;
constexpr uint32_t PPR = 0x0A;
constexpr uint32_t EOI = 0x0B;
constexpr uint32_t RRD = 0x0C;
constexpr uint32_t LDR = 0x0D;
constexpr uint32_t DFR = 0x0E;
constexpr uint32_t SVR = 0x0F;
constexpr uint32_t ISR = 0x10;
constexpr uint32_t TMR = 0x18;
constexpr uint32_t IRR = 0x20;
constexpr uint32_t ESR = 0x28;
constexpr uint32_t ICR_LOW = 0x30;
constexpr uint32_t ICR_HIGH = 0x31;
constexpr uint32_t LVT_FIRST = 0x32;
constexpr uint32_t LVT_LAST = 0x37;
constexpr uint32_t INITIAL_COUNT = 0x38;
constexpr uint32_t CURRENT_COUNT = 0x39;
constexpr uint32_t DIVIDE = 0x3E;
constexpr uint32_t REGISTERS_END = 0x40;

constexpr uint32_t VERSION_14_SIX_ENTRIES = 0x00050014;
constexpr uint64_t BASE_BSP = 1u << 8;
constexpr uint64_t BASE_ENABLE = 1u << 11;
constexpr uint64_t BASE_ADDRESS = 0xFFFFF000;
constexpr uint64_t BASE_AT_RESET = 0xFEE00000 | BASE_ENABLE | BASE_BSP;
constexpr uint32_t SVR_ENABLE = 1u << 8;
constexpr uint32_t SVR_BITS = 0x3FF;
constexpr uint32_t ICR_LEVEL_ASSERT = 1u << 14;
constexpr uint32_t ICR_LOGICAL = 1u << 11;
constexpr uint32_t ICR_LOW_BITS = 0x000CCFFF;
constexpr uint32_t LVT_MASKED = 1u << 16;
constexpr uint32_t LVT_PERIODIC = 1u << 17;
constexpr uint32_t LVT_LEVEL = 1u << 15;
constexpr uint32_t LVT_REMOTE_IRR = 1u << 14;
// Bits that software can write.
constexpr std::array<uint32_t, LocalApic::ENTRIES> LVT_BITS = {0x300FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF};
constexpr uint32_t ESR_SEND_ILLEGAL_VECTOR = 1u << 5;
constexpr uint32_t ESR_RECEIVE_ILLEGAL_VECTOR = 1u << 6;
constexpr uint32_t ESR_ILLEGAL_REGISTER = 1u << 7;
constexpr uint8_t FIRST_LEGAL_VECTOR = 16;
constexpr uint8_t EVERYBODY = 0xFF;
// A periodic timer calls back no more often, so that a count of 1 does not stop the host.
constexpr uint64_t SHORTEST_WAIT_NS = 1000;

constexpr uint32_t bit_of(uint8_t vector) {
  return 1u << (vector & 31);
}

int highest(const std::array<uint32_t, 8>& bits) {
  for (int word = 7; word >= 0; --word)
    if (bits[word] != 0) return word * 32 + 31 - std::countl_zero(bits[word]);
  return -1;
}

}  // namespace

LocalApic::LocalApic(Clock& clock) : clock_(clock) {
  reset();
}

LocalApic::~LocalApic() {
  if (timer_call_ != 0) clock_.cancel(timer_call_);
}

void LocalApic::attach(Bus& bus) {
  bus_ = &bus;
  map();
}

void LocalApic::reset() {
  const bool lint0 = registers_.lint0, lint1 = registers_.lint1;
  registers_ = Registers{};
  registers_.base = BASE_AT_RESET;
  registers_.dfr = 0xFFFFFFFF;
  registers_.svr = 0xFF;
  registers_.lvt.fill(LVT_MASKED);
  registers_.lint0 = lint0;
  registers_.lint1 = lint1;
  registers_.is_bypassed = true;
  plan_timer();
  map();
  drive_intr();
}

// -- The page ---------------------------------------------------------------------------------------------

bool LocalApic::is_enabled() const {
  return (registers_.base & BASE_ENABLE) != 0;
}

bool LocalApic::write_base(uint64_t value) {
  if (value & ~(BASE_ADDRESS | BASE_ENABLE | BASE_BSP)) return false;
  value |= BASE_BSP;
  const bool was_enabled = is_enabled();
  registers_.base = value;
  if (was_enabled && !is_enabled()) {
    // SDM 10.4.3: as if there were no APIC; its state is that after RESET# when it comes back.
    reset();
    registers_.base = value;
  }
  map();
  drive_intr();
  return true;
}

// The page appears where nothing else is: over memory or another device it stays hidden.
void LocalApic::map() {
  if (bus_ == nullptr) return;
  const auto wanted = static_cast<uint32_t>(registers_.base & BASE_ADDRESS);
  if (mapped_ && is_enabled() && mapped_at_ == wanted) return;
  if (mapped_) bus_->detach_mmio(mapped_at_, PAGE_BYTES);
  mapped_ = is_enabled() && bus_->is_unmapped(wanted);
  mapped_at_ = wanted;
  if (mapped_) bus_->attach_mmio(wanted, PAGE_BYTES, shared_from_this(), "local APIC");
}

// -- Priorities and delivery --------------------------------------------------------------------------------

bool LocalApic::software_enabled() const {
  return (registers_.svr & SVR_ENABLE) != 0;
}

// PPR (SDM 10.8.3.1).
uint32_t LocalApic::priority() const {
  const auto in_service = static_cast<uint32_t>(std::max(highest(registers_.isr), 0));
  return (registers_.tpr & 0xF0) >= (in_service & 0xF0) ? registers_.tpr : in_service & 0xF0;
}

int LocalApic::deliverable() const {
  const int vector = highest(registers_.irr);
  return vector >= 0 && (static_cast<uint32_t>(vector) & 0xF0) > (priority() & 0xF0) ? vector : -1;
}

bool LocalApic::wants_ext_int() const {
  if (!is_enabled() || registers_.is_bypassed) return registers_.lint0;
  const auto passes = [this](Entry entry) {
    const uint32_t value = registers_.lvt[entry];
    return !(value & LVT_MASKED) && (value >> 8 & 7) == EXT_INT;
  };
  return registers_.ext_int || (registers_.lint0 && passes(LINT0)) || (registers_.lint1 && passes(LINT1));
}

void LocalApic::drive_intr(bool anew) {
  const bool level = wants_ext_int() || (is_enabled() && deliverable() >= 0);
  if (level == intr_level_ && !anew) return;
  intr_level_ = level;
  if (intr) intr(level);
}

bool LocalApic::accept(uint8_t vector, bool level) {
  if (!software_enabled()) return false;
  if (vector < FIRST_LEGAL_VECTOR) {
    raise_error(ESR_RECEIVE_ILLEGAL_VECTOR);
    return true;
  }
  registers_.irr[vector / 32] |= bit_of(vector);
  if (level)
    registers_.tmr[vector / 32] |= bit_of(vector);
  else
    registers_.tmr[vector / 32] &= ~bit_of(vector);
  drive_intr();
  return true;
}

int LocalApic::acknowledge() {
  const int vector = is_enabled() ? deliverable() : -1;
  if (vector < 0) {
    const bool is_external = wants_ext_int();
    registers_.ext_int = false;
    drive_intr();
    return is_external ? -1 : static_cast<int>(registers_.svr & 0xFF);
  }
  const auto number = static_cast<uint8_t>(vector);
  registers_.irr[number / 32] &= ~bit_of(number);
  registers_.isr[number / 32] |= bit_of(number);
  drive_intr();
  return vector;
}

void LocalApic::end_interrupt() {
  const int vector = highest(registers_.isr);
  if (vector < 0) return;
  const auto number = static_cast<uint8_t>(vector);
  registers_.isr[number / 32] &= ~bit_of(number);
  if (registers_.tmr[number / 32] & bit_of(number)) {
    uint32_t& pin = registers_.lvt[LINT0];
    if ((pin & LVT_REMOTE_IRR) && (pin & 0xFF) == number) {
      pin &= ~LVT_REMOTE_IRR;
      level_changed_lint0();
    }
    if (end_of_interrupt) end_of_interrupt(number);
  }
  drive_intr();
}

bool LocalApic::is_destination(uint8_t destination, bool logical) const {
  if (!logical) return destination == EVERYBODY || destination == registers_.id >> 24;
  const auto own = static_cast<uint8_t>(registers_.ldr >> 24);
  if (registers_.dfr >> 28 == 0xF) return (own & destination) != 0;
  const bool is_cluster = destination >> 4 == 0xF || destination >> 4 == own >> 4;
  return is_cluster && (own & destination & 0xF) != 0;
}

bool LocalApic::message(uint8_t vector, uint8_t delivery, bool level, uint8_t destination, bool logical) {
  if (!is_enabled() || !is_destination(destination, logical)) return false;
  switch (delivery) {
    case FIXED:
    case LOWEST_PRIORITY:
      return accept(vector, level);
    case NMI:
      if (nmi) nmi();
      return true;
    case EXT_INT:
      registers_.ext_int = true;
      drive_intr();
      return true;
    default:
      return false;
  }
}

// The interrupt command register (SDM 10.6.1).
void LocalApic::send() {
  const uint32_t command = registers_.icr_low;
  const auto vector = static_cast<uint8_t>(command);
  const uint32_t delivery = command >> 8 & 7;
  const uint32_t shorthand = command >> 18 & 3;
  if (delivery <= LOWEST_PRIORITY && vector < FIRST_LEGAL_VECTOR) raise_error(ESR_SEND_ILLEGAL_VECTOR);
  const bool to_itself =
      shorthand == 1 || shorthand == 2 ||
      (shorthand == 0 && is_destination(static_cast<uint8_t>(registers_.icr_high >> 24), (command & ICR_LOGICAL) != 0));
  if (!to_itself) return;
  if (delivery <= LOWEST_PRIORITY)
    accept(vector, false);
  else if (delivery == NMI && shorthand != 1 && nmi)
    nmi();
}

// -- Local sources ------------------------------------------------------------------------------------------

void LocalApic::fire(Entry entry) {
  const uint32_t value = registers_.lvt[entry];
  if (value & LVT_MASKED) return;
  const uint32_t delivery = entry == TIMER || entry == ERROR ? uint32_t{FIXED} : value >> 8 & 7;
  if (delivery == FIXED)
    accept(static_cast<uint8_t>(value), false);
  else if (delivery == NMI && nmi)
    nmi();
}

void LocalApic::set_lint0(bool level) {
  const bool rises = level && !registers_.lint0;
  registers_.lint0 = level;
  if (!is_enabled() || registers_.is_bypassed) {
    drive_intr();
    return;
  }
  const uint32_t value = registers_.lvt[LINT0];
  if ((value >> 8 & 7) == FIXED && (value & LVT_LEVEL))
    level_changed_lint0();
  else if (rises)
    fire(LINT0);
  drive_intr();
}

// LINT0 with a fixed vector and a level: a request until it is accepted, again after EOI.
void LocalApic::level_changed_lint0() {
  uint32_t& value = registers_.lvt[LINT0];
  if ((value >> 8 & 7) != FIXED || !(value & LVT_LEVEL) || (value & (LVT_MASKED | LVT_REMOTE_IRR))) return;
  if (registers_.lint0 && accept(static_cast<uint8_t>(value), true)) value |= LVT_REMOTE_IRR;
}

void LocalApic::set_lint1(bool level) {
  const bool rises = level && !registers_.lint1;
  registers_.lint1 = level;
  if (!rises) {
    drive_intr();
  } else if (!is_enabled() || registers_.is_bypassed) {
    if (nmi) nmi();
  } else {
    fire(LINT1);
    drive_intr();
  }
}

void LocalApic::raise_error(uint32_t bits) {
  const uint32_t news = bits & ~registers_.errors;
  registers_.errors |= bits;
  // Only what is new: an error entry with an illegal vector is an error itself.
  if (news != 0) fire(ERROR);
}

// -- Timer (SDM 10.5.4) -------------------------------------------------------------------------------------

uint64_t LocalApic::tick_ns() const {
  const uint32_t code = (registers_.divide & 3) | (registers_.divide >> 1 & 4);
  return TIMER_TICK_NS << ((code + 1) & 7);
}

uint32_t LocalApic::current_count() const {
  if (registers_.count == 0) return 0;
  const uint64_t passed = (clock_.now_ns() - registers_.count_since_ns) / tick_ns();
  if (passed < registers_.count) return static_cast<uint32_t>(registers_.count - passed);
  if (!(registers_.lvt[TIMER] & LVT_PERIODIC) || registers_.initial_count == 0) return 0;
  return static_cast<uint32_t>(registers_.initial_count - (passed - registers_.count) % registers_.initial_count);
}

void LocalApic::start_timer(uint32_t count) {
  registers_.count = count;
  registers_.count_since_ns = clock_.now_ns();
  plan_timer();
}

void LocalApic::plan_timer() {
  if (timer_call_ != 0) clock_.cancel(timer_call_);
  timer_call_ = 0;
  if (registers_.count == 0) return;
  const uint64_t wait_ns = std::max(registers_.count * tick_ns(), SHORTEST_WAIT_NS);
  timer_call_ = clock_.call_at(registers_.count_since_ns + wait_ns, [this] { timer_due(); });
}

void LocalApic::timer_due() {
  timer_call_ = 0;
  const bool is_periodic = (registers_.lvt[TIMER] & LVT_PERIODIC) && registers_.initial_count != 0;
  if (is_periodic) {
    // Count on from the last expiry, so that late calls do not slow the timer down.
    const uint64_t expired_ns = registers_.count_since_ns + registers_.count * tick_ns();
    const uint64_t period_ns = registers_.initial_count * tick_ns();
    const uint64_t now = clock_.now_ns();
    registers_.count_since_ns = now < expired_ns ? now : now - (now - expired_ns) % period_ns;
    registers_.count = registers_.initial_count;
    plan_timer();
  } else {
    registers_.count = 0;
  }
  fire(TIMER);
}

// -- Registers ----------------------------------------------------------------------------------------------

uint32_t LocalApic::read(uint32_t offset, int size) {
  // Registers are 32 bits wide every 16 bytes; what lies between is undefined and reads zero.
  if ((offset & 0xF) >= 4) return 0;
  const uint32_t value = read_register(offset / 16) >> (offset % 4 * 8);
  return size == 4 ? value : value & ((1u << size * 8) - 1);
}

void LocalApic::write(uint32_t offset, uint32_t value, int size) {
  if (size == 4 && (offset & 0xF) == 0) write_register(offset / 16, value);
}

uint32_t LocalApic::read_register(uint32_t number) {
  const Registers& r = registers_;
  if (number >= ISR && number < ISR + 8) return r.isr[number - ISR];
  if (number >= TMR && number < TMR + 8) return r.tmr[number - TMR];
  if (number >= IRR && number < IRR + 8) return r.irr[number - IRR];
  if (number >= LVT_FIRST && number <= LVT_LAST) {
    return r.lvt[number - LVT_FIRST];
  }
  switch (number) {
    case ID:
      return r.id;
    case VERSION:
      return VERSION_14_SIX_ENTRIES;
    case TPR:
      return r.tpr;
    case APR: {
      // SDM 10.6.2.4: the task priority, unless a request or service in a higher class wants to win.
      const auto requested = static_cast<uint32_t>(std::max(highest(r.irr), 0)) & 0xF0;
      const auto in_service = static_cast<uint32_t>(std::max(highest(r.isr), 0)) & 0xF0;
      if ((r.tpr & 0xF0) >= requested && (r.tpr & 0xF0) > in_service) return r.tpr;
      return std::max({r.tpr & 0xF0, requested, in_service});
    }
    case PPR:
      return priority();
    case EOI:
    case RRD:
      return 0;
    case LDR:
      return r.ldr;
    case DFR:
      return r.dfr;
    case SVR:
      return r.svr;
    case ESR:
      return r.esr;
    case ICR_LOW:
      return r.icr_low;
    case ICR_HIGH:
      return r.icr_high;
    case INITIAL_COUNT:
      return r.initial_count;
    case CURRENT_COUNT:
      return current_count();
    case DIVIDE:
      return r.divide;
    default:
      if (number < REGISTERS_END) raise_error(ESR_ILLEGAL_REGISTER);
      return 0;
  }
}

void LocalApic::write_register(uint32_t number, uint32_t value) {
  Registers& r = registers_;
  if (number >= LVT_FIRST && number <= LVT_LAST) {
    write_entry(static_cast<Entry>(number - LVT_FIRST), value);
    return;
  }
  switch (number) {
    case ID:
      r.id = value & 0xFF000000;
      return;
    case TPR:
      r.tpr = value & 0xFF;
      drive_intr();
      return;
    case EOI:
      end_interrupt();
      return;
    case LDR:
      r.ldr = value & 0xFF000000;
      return;
    case DFR:
      r.dfr = value | 0x0FFFFFFF;
      return;
    case SVR:
      write_spurious(value);
      return;
    case ESR:
      r.esr = r.errors;
      r.errors = 0;
      return;
    case ICR_LOW:
      r.icr_low = value & ICR_LOW_BITS;
      send();
      return;
    case ICR_HIGH:
      r.icr_high = value & 0xFF000000;
      return;
    case INITIAL_COUNT:
      r.initial_count = value;
      start_timer(value);
      return;
    case DIVIDE: {
      const uint32_t count = current_count();
      r.divide = value & 0xB;
      start_timer(count);
      return;
    }
    case VERSION:
    case APR:
    case PPR:
    case RRD:
    case CURRENT_COUNT:
      return;
    default:
      if ((number >= ISR && number < ESR) || number >= REGISTERS_END) return;
      raise_error(ESR_ILLEGAL_REGISTER);
  }
}

void LocalApic::write_spurious(uint32_t value) {
  registers_.is_bypassed = false;
  registers_.svr = value & SVR_BITS;
  if (!software_enabled())  // SDM 10.4.7.2
    for (uint32_t& entry : registers_.lvt) entry |= LVT_MASKED;
  level_changed_lint0();
  drive_intr();
}

void LocalApic::write_entry(Entry entry, uint32_t value) {
  uint32_t& at = registers_.lvt[entry];
  const uint32_t before = at;
  // The count goes on in the new mode from what it is now.
  const uint32_t count = entry == TIMER ? current_count() : 0;
  at = value & LVT_BITS[entry];
  if (!software_enabled()) at |= LVT_MASKED;
  if (entry == LINT0 || entry == LINT1) registers_.is_bypassed = false;
  if (entry == LINT0) {
    if (at & LVT_LEVEL) at |= before & LVT_REMOTE_IRR;
    level_changed_lint0();
  }
  if (entry == TIMER && (before ^ at) & LVT_PERIODIC) start_timer(count);
  drive_intr();
}

// -- Saved states -------------------------------------------------------------------------------------------

bool LocalApic::is_valid(const Registers& r) {
  for (size_t entry = 0; entry < ENTRIES; ++entry)
    if (r.lvt[entry] & ~(LVT_BITS[entry] | LVT_REMOTE_IRR)) return false;
  return !(r.base & ~(BASE_ADDRESS | BASE_ENABLE | BASE_BSP)) && r.tpr <= 0xFF && !(r.svr & ~SVR_BITS) &&
         !(r.divide & ~0xBu) && !((r.id | r.ldr | r.icr_high) & 0x00FFFFFF) && !(r.icr_low & ~ICR_LOW_BITS);
}

void LocalApic::load(const Registers& registers) {
  registers_ = registers;
  plan_timer();
  map();
  drive_intr(true);
}

}  // namespace bancada
