// String instructions with all their repeat forms (SDM vol. 1, 7.3.9), and string port input and output.
//
// A repeated instruction counts one retired instruction an iteration and stops for interrupts and the budget between
// iterations, with registers as an interrupt handler must find them.
#include <algorithm>
#include <array>
#include <cstring>

#include "../bus.h"
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

// ESI, EDI and ECX by address size.
inline uint32_t get_counter(const Interpreter& cpu, const Op* op, unsigned number) {
  return cpu.state_.gpr[number] & op->address_mask;
}
inline void set_counter(Interpreter& cpu, const Op* op, unsigned number, uint32_t value) {
  uint32_t& gpr = cpu.state_.gpr[number];
  gpr = (gpr & ~op->address_mask) | (value & op->address_mask);
}

template <typename T>
inline uint32_t step_of(const Interpreter& cpu) {
  return (cpu.state_.eflags & FLAG_DF) ? static_cast<uint32_t>(-static_cast<int32_t>(sizeof(T))) : sizeof(T);
}

inline bool repeats(const Op* op) {
  return op->flags & (OP_REP | OP_REPNE);
}

// Iterations that may run now: the count, cut to the budget; at least one.
inline uint32_t allowed(Interpreter& cpu, const Op* op, uint32_t count) {
  const uint64_t done = cpu.retired_base_ + op->position;
  const uint64_t room = cpu.limit_ > done ? cpu.limit_ - done : 1;
  return static_cast<uint32_t>(std::min<uint64_t>(count, room));
}

// `run` more iterations of a repeated instruction are done. Counted at once: the next one may fault.
inline void count_iterations(Interpreter& cpu, const Op* op, uint32_t run, uint32_t left) {
  set_counter(cpu, op, ECX, left);
  cpu.retired_base_ += run;
}

// After the iterations that may run now: on, or back to the instruction.
inline const Op* after_iterations(Interpreter& cpu, const Op* op, bool repeat, bool finished) {
  if (finished) {
    if (repeat) --cpu.retired_base_;  // the last iteration is the instruction itself
    return NEXT(cpu, op);
  }
  cpu.retired_base_ += op->position;
  cpu.state_.eip = cpu.block_eip_ + op->offset;
  cpu.be_idle();
  return nullptr;
}

// Host memory of [offset, offset + bytes) when it is plain, writable or readable, and in one page; else nullptr.
inline uint8_t* plain_memory(Interpreter& cpu, SegmentRegister segment, uint32_t offset, uint32_t bytes, bool write) {
  const Segment& s = cpu.state_.seg[segment];
  if (static_cast<uint64_t>(offset) + bytes > (write ? s.write_span : s.read_span)) return nullptr;
  const uint32_t linear = s.base + offset;
  const auto& entry =
      write ? cpu.tlb_write_[cpu.tlb_set_][tlb_index(linear)] : cpu.tlb_read_[cpu.tlb_set_][tlb_index(linear)];
  if (entry.tag != (linear & PAGE_MASK)) return nullptr;
  return reinterpret_cast<uint8_t*>(linear + entry.addend);
}

// Whole items that lie in the page of `offset`, going up, before the offset wraps.
template <typename T>
inline uint32_t items_in_page(const Interpreter& cpu, SegmentRegister segment, uint32_t offset, uint32_t mask) {
  const uint32_t linear = cpu.state_.seg[segment].base + offset;
  const uint64_t to_wrap = static_cast<uint64_t>(mask) - offset + 1;
  return static_cast<uint32_t>(std::min<uint64_t>(PAGE_SIZE - (linear & ~PAGE_MASK), to_wrap) / sizeof(T));
}

// `count` items of `value`, from an address of any alignment on; sixteen bytes at a time.
template <typename T>
void fill_items(uint8_t* target, T value, uint32_t count) {
  if (sizeof(T) == 1) {
    std::memset(target, static_cast<int>(value), count);
    return;
  }
  constexpr uint32_t GROUP = 16 / sizeof(T);
  std::array<T, GROUP> group;
  group.fill(value);
  for (; count >= GROUP; count -= GROUP, target += sizeof group) std::memcpy(target, group.data(), sizeof group);
  std::memcpy(target, group.data(), count * sizeof(T));
}

template <typename T>
const Op* op_movs(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) return NEXT(cpu, op);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1, step = step_of<T>(cpu);
  const uint64_t code_drops = cpu.code_drops_;  // it may overwrite itself
  uint32_t done = 0;
  while (done < budget) {
    const uint32_t from = get_counter(cpu, op, ESI), to = get_counter(cpu, op, EDI);
    uint32_t run = 1;
    if (repeat && step == sizeof(T)) {
      run = std::min({budget - done, items_in_page<T>(cpu, operand_segment(op), from, op->address_mask),
                      items_in_page<T>(cpu, ES, to, op->address_mask)});
      if (run > 1) {
        const uint32_t bytes = run * sizeof(T);
        uint8_t* source = plain_memory(cpu, operand_segment(op), from, bytes, false);
        uint8_t* target = plain_memory(cpu, ES, to, bytes, true);
        if (source != nullptr && target != nullptr) {
          // Overlapping upwards copies repeat what was just written, item by item.
          if (target > source && target < source + bytes) {
            for (uint32_t i = 0; i < bytes; i += sizeof(T)) std::memcpy(target + i, source + i, sizeof(T));
          } else {
            std::memmove(target, source, bytes);
          }
        } else {
          run = 1;
        }
      }
    }
    if (run <= 1) {
      run = 1;
      cpu.write<T>(ES, to, cpu.read<T>(operand_segment(op), from));
    }
    set_counter(cpu, op, ESI, from + run * step);
    set_counter(cpu, op, EDI, to + run * step);
    done += run;
    if (repeat) {
      count -= run;
      count_iterations(cpu, op, run, count);
      if (cpu.attention() || cpu.code_drops_ != code_drops) break;
    }
  }
  return after_iterations(cpu, op, repeat, count == 0 || !repeat);
}

template <typename T>
const Op* op_stos(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) return NEXT(cpu, op);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1, step = step_of<T>(cpu);
  const T value = get_register<T>(cpu, EAX);
  const uint64_t code_drops = cpu.code_drops_;  // it may overwrite itself
  uint32_t done = 0;
  while (done < budget) {
    const uint32_t to = get_counter(cpu, op, EDI);
    uint32_t run = 1;
    if (repeat && step == sizeof(T)) {
      run = std::min(budget - done, items_in_page<T>(cpu, ES, to, op->address_mask));
      uint8_t* target = run > 1 ? plain_memory(cpu, ES, to, run * static_cast<uint32_t>(sizeof(T)), true) : nullptr;
      if (target == nullptr)
        run = 1;
      else
        fill_items(target, value, run);
      if (target == nullptr) cpu.write<T>(ES, to, value);
    } else {
      cpu.write<T>(ES, to, value);
    }
    set_counter(cpu, op, EDI, to + run * step);
    done += run;
    if (repeat) {
      count -= run;
      count_iterations(cpu, op, run, count);
      if (cpu.attention() || cpu.code_drops_ != code_drops) break;
    }
  }
  return after_iterations(cpu, op, repeat, count == 0 || !repeat);
}

template <typename T>
const Op* op_lods(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) return NEXT(cpu, op);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1, step = step_of<T>(cpu);
  uint32_t done = 0;
  while (done < budget) {
    const uint32_t from = get_counter(cpu, op, ESI);
    set_register<T>(cpu, EAX, cpu.read<T>(operand_segment(op), from));
    set_counter(cpu, op, ESI, from + step);
    ++done;
    if (repeat) {
      count_iterations(cpu, op, 1, --count);
      if (cpu.attention()) break;
    }
  }
  return after_iterations(cpu, op, repeat, count == 0 || !repeat);
}

// REPE goes on while equal, REPNE while not.
template <typename T, bool Compare>
const Op* op_compare(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) return NEXT(cpu, op);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1, step = step_of<T>(cpu);
  const bool while_equal = op->flags & OP_REP;
  uint32_t done = 0;
  bool finished = !repeat;
  while (done < budget) {
    const uint32_t from = get_counter(cpu, op, ESI), to = get_counter(cpu, op, EDI);
    const T a = Compare ? cpu.read<T>(operand_segment(op), from) : get_register<T>(cpu, EAX);
    const T b = cpu.read<T>(ES, to);
    set_sub_flags<T>(cpu, a, b, static_cast<T>(a - b));
    if constexpr (Compare) set_counter(cpu, op, ESI, from + step);
    set_counter(cpu, op, EDI, to + step);
    ++done;
    if (!repeat) break;
    count_iterations(cpu, op, 1, --count);
    if (count == 0 || (a == b) != while_equal) {
      finished = true;
      break;
    }
    if (cpu.attention()) break;
  }
  return after_iterations(cpu, op, repeat, finished);
}

// Whether stores to [linear, linear + bytes) change the instruction being executed.
bool overwrites_itself(const Interpreter& cpu, const Op* op, uint32_t linear, uint32_t bytes) {
  const uint32_t own = cpu.state_.seg[CS].base + cpu.current_eip();
  return own - linear < bytes || linear - own < op->length;
}

// The EIP to go on at. Apart from the handlers: a handler with a buffer on the stack could not tail-call the next.
template <typename T>
[[gnu::noinline]] uint32_t ins(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  const auto port = static_cast<uint16_t>(cpu.state_.gpr[EDX]);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) {
    cpu.retired_base_ += op->position + 1u;
    return cpu.next_eip();
  }
  cpu.check_io(port, sizeof(T));
  const uint32_t step = step_of<T>(cpu);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1;
  const uint32_t to = get_counter(cpu, op, EDI);
  // The target is checked before the device gives anything away.
  cpu.check_write<T>(ES, to);
  uint32_t run = 1;
  uint8_t buffer[PAGE_SIZE];
  if (repeat && step == sizeof(T)) {
    run = std::max(1u, std::min(budget, items_in_page<T>(cpu, ES, to, op->address_mask)));
    if (overwrites_itself(cpu, op, cpu.state_.seg[ES].base + to, run * static_cast<uint32_t>(sizeof(T)))) run = 1;
    if (run > 1) cpu.check_write<T>(ES, to + (run - 1) * static_cast<uint32_t>(sizeof(T)));
  }
  if (run == 1) {
    const uint32_t value = cpu.bus().port_read(port, sizeof(T));
    std::memcpy(buffer, &value, sizeof(T));
  } else {
    cpu.bus().port_read_block(port, buffer, run, sizeof(T));
  }
  for (uint32_t i = 0; i < run; ++i) cpu.write<T>(ES, to + i * step, load_host<T>(buffer + i * sizeof(T)));
  set_counter(cpu, op, EDI, to + run * step);
  count -= run;
  if (repeat) set_counter(cpu, op, ECX, count);
  cpu.retired_base_ += op->position + run;
  return count == 0 || !repeat ? cpu.next_eip() : cpu.block_eip_ + op->offset;
}

template <typename T>
const Op* op_ins(Interpreter& cpu, const Op* op) {
  return go_to(cpu, ins<T>(cpu, op));
}

template <typename T>
[[gnu::noinline]] uint32_t outs(Interpreter& cpu, const Op* op) {
  const bool repeat = repeats(op);
  const auto port = static_cast<uint16_t>(cpu.state_.gpr[EDX]);
  uint32_t count = repeat ? get_counter(cpu, op, ECX) : 1;
  if (count == 0) {
    cpu.retired_base_ += op->position + 1u;
    return cpu.next_eip();
  }
  cpu.check_io(port, sizeof(T));
  const uint32_t step = step_of<T>(cpu);
  const uint32_t budget = repeat ? allowed(cpu, op, count) : 1;
  const uint32_t from = get_counter(cpu, op, ESI);
  uint32_t run = 1;
  uint8_t buffer[PAGE_SIZE];
  if (repeat && step == sizeof(T))
    run = std::max(1u, std::min(budget, items_in_page<T>(cpu, operand_segment(op), from, op->address_mask)));
  for (uint32_t i = 0; i < run; ++i) {
    const T value = cpu.read<T>(operand_segment(op), from + i * step);
    std::memcpy(buffer + i * sizeof(T), &value, sizeof(T));
  }
  if (run == 1)
    cpu.bus().port_write(port, load_host<T>(buffer), sizeof(T));
  else
    cpu.bus().port_write_block(port, buffer, run, sizeof(T));
  set_counter(cpu, op, ESI, from + run * step);
  count -= run;
  if (repeat) set_counter(cpu, op, ECX, count);
  cpu.retired_base_ += op->position + run;
  return count == 0 || !repeat ? cpu.next_eip() : cpu.block_eip_ + op->offset;
}

template <typename T>
const Op* op_outs(Interpreter& cpu, const Op* op) {
  return go_to(cpu, outs<T>(cpu, op));
}

}  // namespace

// 6C-6F, A4-A7, AA-AF
Handler string_handler(const Op& op) {
  switch (op.opcode) {
    case 0x6C:
    case 0x6D:
      return BY_SIZE(op, op_ins);
    case 0x6E:
    case 0x6F:
      return BY_SIZE(op, op_outs);
    case 0xA4:
    case 0xA5:
      return BY_SIZE(op, op_movs);
    case 0xA6:
    case 0xA7:
      return op.operand_size == 1   ? &op_compare<uint8_t, true>
             : op.operand_size == 2 ? &op_compare<uint16_t, true>
                                    : &op_compare<uint32_t, true>;
    case 0xAA:
    case 0xAB:
      return BY_SIZE(op, op_stos);
    case 0xAC:
    case 0xAD:
      return BY_SIZE(op, op_lods);
    default:
      return op.operand_size == 1   ? &op_compare<uint8_t, false>
             : op.operand_size == 2 ? &op_compare<uint16_t, false>
                                    : &op_compare<uint32_t, false>;
  }
}

}  // namespace bancada
