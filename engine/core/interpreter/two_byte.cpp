// Integer instructions of the 0F map: bits, double shifts, extensions, conditional moves, compare and exchange.
#include <bit>

#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

template <typename From, typename T, bool Memory, bool Signed>
const Op* op_extend(Interpreter& cpu, const Op* op) {
  const From value = read_operand<From, Memory>(cpu, op);
  set_register<T>(cpu, op->reg, Signed ? static_cast<T>(extend(value)) : static_cast<T>(value));
  return NEXT(cpu, op);
}

template <int Code, typename T, bool Memory>
const Op* op_conditional_move(Interpreter& cpu, const Op* op) {
  const T value = read_operand<T, Memory>(cpu, op);  // read even when not moved: it may fault
  if (condition<Code>(cpu)) set_register<T>(cpu, op->reg, value);
  return NEXT(cpu, op);
}

template <int Code, bool Memory>
const Op* op_set(Interpreter& cpu, const Op* op) {
  write_operand<uint8_t, Memory>(cpu, op, condition<Code>(cpu));
  return NEXT(cpu, op);
}

template <bool Left, typename T, bool Memory>
const Op* op_double_shift(Interpreter& cpu, const Op* op) {
  constexpr uint32_t bits = sizeof(T) * 8;
  const uint32_t count = ((op->opcode & 1) ? cpu.state_.gpr[ECX] : op->imm) & 31;
  if (count == 0) {
    if constexpr (Memory) cpu.check_write<T>(operand_segment(op), cpu.effective_address(op));
    return NEXT(cpu, op);
  }
  const T other = get_register<T>(cpu, op->reg);
  change_operand<T, Memory>(cpu, op, [&](T value) {
    // 16-bit operands and counts above 16: the pair is rotated on, as processors do.
    uint64_t wide;
    T result;
    bool cf;
    if constexpr (Left) {
      wide = static_cast<uint64_t>(value) << bits | other;
      if (bits == 16) wide = wide << 16 | value;
      const uint32_t width = bits == 16 ? 48 : 64;
      result = static_cast<T>(wide >> (width - bits - count));
      cf = wide >> (width - count) & 1;
    } else {
      wide = static_cast<uint64_t>(other) << bits | value;
      if (bits == 16) wide |= static_cast<uint64_t>(value) << 32;
      result = static_cast<T>(wide >> count);
      cf = wide >> (count - 1) & 1;
    }
    set_shift_flags<T>(cpu, result, cf, ((result ^ value) >> (bits - 1)) & 1);
    return result;
  });
  return NEXT(cpu, op);
}

enum BitKind { TEST = 4, SET = 5, RESET = 6, COMPLEMENT = 7 };

template <int K, typename T>
T change_bit(Interpreter& cpu, T value, uint32_t bit) {
  const auto mask = static_cast<T>(T{1} << bit);
  set_cf(cpu, value & mask);
  return static_cast<T>(K == SET ? value | mask : K == RESET ? value & ~mask : K == COMPLEMENT ? value ^ mask : value);
}

template <int K, typename T, bool Memory>
const Op* op_bit_immediate(Interpreter& cpu, const Op* op) {
  const uint32_t bit = op->imm & (sizeof(T) * 8 - 1);
  if constexpr (K == TEST)
    change_bit<K, T>(cpu, read_operand<T, Memory>(cpu, op), bit);
  else
    change_operand<T, Memory>(cpu, op, [&](T value) { return change_bit<K, T>(cpu, value, bit); });
  return NEXT(cpu, op);
}

// With a register the bit string in memory goes as far as the offset says, in both directions.
template <int K, typename T, bool Memory>
const Op* op_bit_register(Interpreter& cpu, const Op* op) {
  const T offset = get_register<T>(cpu, op->reg);
  const uint32_t bit = offset & (sizeof(T) * 8 - 1);
  if constexpr (Memory) {
    const auto units = static_cast<uint32_t>(static_cast<int32_t>(extend(offset)) >> (sizeof(T) == 2 ? 4 : 5));
    Op moved = *op;
    moved.displacement += units * static_cast<uint32_t>(sizeof(T));
    if constexpr (K == TEST)
      change_bit<K, T>(cpu, read_operand<T, true>(cpu, &moved), bit);
    else
      change_operand<T, true>(cpu, &moved, [&](T value) { return change_bit<K, T>(cpu, value, bit); });
  } else if constexpr (K == TEST) {
    change_bit<K, T>(cpu, get_register<T>(cpu, op->rm), bit);
  } else {
    set_register<T>(cpu, op->rm, change_bit<K, T>(cpu, get_register<T>(cpu, op->rm), bit));
  }
  return NEXT(cpu, op);
}

template <bool Forward, typename T, bool Memory>
const Op* op_bit_scan(Interpreter& cpu, const Op* op) {
  const T value = read_operand<T, Memory>(cpu, op);
  cpu.set_status_flags(value == 0 ? FLAG_ZF : 0);  // the others are undefined
  if (value != 0) {
    const int place = Forward ? std::countr_zero(value) : static_cast<int>(sizeof(T) * 8) - 1 - std::countl_zero(value);
    set_register<T>(cpu, op->reg, static_cast<T>(place));
  }
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_signed_multiply(Interpreter& cpu, const Op* op) {
  const bool immediate = op->opcode != 0xAF;
  const auto a = static_cast<int64_t>(static_cast<int32_t>(extend(read_operand<T, Memory>(cpu, op))));
  const auto b = static_cast<int64_t>(
      static_cast<int32_t>(immediate ? extend(static_cast<T>(op->imm)) : extend(get_register<T>(cpu, op->reg))));
  const int64_t product = a * b;
  const auto result = static_cast<T>(product);
  const bool overflow = product != static_cast<int32_t>(extend(result));
  set_register<T>(cpu, op->reg, result);
  cpu.set_status_flags(overflow ? FLAG_CF | FLAG_OF : 0);  // the others are undefined
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_compare_exchange(Interpreter& cpu, const Op* op) {
  const T accumulator = get_register<T>(cpu, EAX), source = get_register<T>(cpu, op->reg);
  T seen = 0;
  bool equal = false;
  change_operand<T, Memory>(cpu, op, [&](T value) {
    seen = value;
    equal = value == accumulator;
    return equal ? source : value;  // the destination is written in either case
  });
  set_sub_flags<T>(cpu, accumulator, seen, static_cast<T>(accumulator - seen));
  if (!equal) set_register<T>(cpu, EAX, seen);
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_exchange_add(Interpreter& cpu, const Op* op) {
  const T source = get_register<T>(cpu, op->reg);
  T before = 0, sum = 0;
  change_operand<T, Memory>(cpu, op, [&](T value) {
    before = value;
    return sum = static_cast<T>(value + source);
  });
  if constexpr (!Memory) {
    // XADD r, r of one register leaves the sum.
    set_register<T>(cpu, op->reg, before);
    set_register<T>(cpu, op->rm, sum);
  } else {
    set_register<T>(cpu, op->reg, before);
  }
  set_add_flags<T>(cpu, before, source, sum);
  return NEXT(cpu, op);
}

const Op* op_compare_exchange_8_bytes(Interpreter& cpu, const Op* op) {
  const SegmentRegister segment = operand_segment(op);
  const uint32_t offset = cpu.effective_address(op);
  auto& gpr = cpu.state_.gpr;
  cpu.check_write<uint64_t>(segment, offset);
  const auto value = cpu.read<uint64_t>(segment, offset);
  const uint64_t wanted = static_cast<uint64_t>(gpr[EDX]) << 32 | gpr[EAX];
  const bool equal = value == wanted;
  cpu.write<uint64_t>(segment, offset, equal ? static_cast<uint64_t>(gpr[ECX]) << 32 | gpr[EBX] : value);
  if (!equal) {
    gpr[EAX] = static_cast<uint32_t>(value);
    gpr[EDX] = static_cast<uint32_t>(value >> 32);
  }
  cpu.set_status_flags((status_flags(cpu) & ~FLAG_ZF) | (equal ? FLAG_ZF : 0));
  return NEXT(cpu, op);
}

const Op* op_byte_swap(Interpreter& cpu, const Op* op) {
  uint32_t& value = cpu.state_.gpr[op->reg];
  // With a 16-bit operand processors clear the low word.
  if (op->operand_size == 2)
    value &= 0xFFFF0000;
  else
    value = __builtin_bswap32(value);
  return NEXT(cpu, op);
}

const Op* op_nop_operand(Interpreter& cpu, const Op* op) {
  return NEXT(cpu, op);
}

#define BY_FORM_16_32(op, name, ...)                                                                        \
  (((op).flags & OP_MEMORY)                                                                                 \
       ? ((op).operand_size == 2 ? &name<__VA_ARGS__, uint16_t, true> : &name<__VA_ARGS__, uint32_t, true>) \
       : ((op).operand_size == 2 ? &name<__VA_ARGS__, uint16_t, false> : &name<__VA_ARGS__, uint32_t, false>))

template <int Code>
Handler pick_condition(const Op& op, bool set) {
  if (set) return (op.flags & OP_MEMORY) ? &op_set<Code, true> : &op_set<Code, false>;
  return BY_FORM_16_32(op, op_conditional_move, Code);
}

template <int Code = 0>
Handler by_condition(const Op& op, int code, bool set) {
  if constexpr (Code == 16)
    return nullptr;
  else
    return code == Code ? pick_condition<Code>(op, set) : by_condition<Code + 1>(op, code, set);
}

template <typename From, bool Signed>
Handler pick_extend(const Op& op) {
  if (op.flags & OP_MEMORY) {
    return op.operand_size == 2 ? &op_extend<From, uint16_t, true, Signed> : &op_extend<From, uint32_t, true, Signed>;
  }
  return op.operand_size == 2 ? &op_extend<From, uint16_t, false, Signed> : &op_extend<From, uint32_t, false, Signed>;
}

Handler pick_bit(const Op& op, int kind, bool immediate) {
  if (immediate) {
    switch (kind) {
      case TEST:
        return BY_FORM_16_32(op, op_bit_immediate, TEST);
      case SET:
        return BY_FORM_16_32(op, op_bit_immediate, SET);
      case RESET:
        return BY_FORM_16_32(op, op_bit_immediate, RESET);
      case COMPLEMENT:
        return BY_FORM_16_32(op, op_bit_immediate, COMPLEMENT);
      default:
        return nullptr;
    }
  }
  switch (kind) {
    case TEST:
      return BY_FORM_16_32(op, op_bit_register, TEST);
    case SET:
      return BY_FORM_16_32(op, op_bit_register, SET);
    case RESET:
      return BY_FORM_16_32(op, op_bit_register, RESET);
    default:
      return BY_FORM_16_32(op, op_bit_register, COMPLEMENT);
  }
}

}  // namespace

// The 0F map's integer instructions, and IMUL 69 and 6B.
Handler two_byte_integer_handler(const Op& op) {
  const int code = op.opcode & 0xF;
  if (op.map == 1 && (op.opcode == 0x69 || op.opcode == 0x6B)) return nullptr;
  switch (op.opcode) {
    case 0x69:
    case 0x6B:
    case 0xAF:
      return (op.flags & OP_MEMORY)
                 ? (op.operand_size == 2 ? &op_signed_multiply<uint16_t, true> : &op_signed_multiply<uint32_t, true>)
                 : (op.operand_size == 2 ? &op_signed_multiply<uint16_t, false> : &op_signed_multiply<uint32_t, false>);
    case 0x1F:
    case 0x18:
    case 0x19:
    case 0x1A:
    case 0x1B:
    case 0x1C:
    case 0x1D:
    case 0x1E:
      return &op_nop_operand;
    case 0xA3:
      return pick_bit(op, TEST, false);
    case 0xAB:
      return pick_bit(op, SET, false);
    case 0xB3:
      return pick_bit(op, RESET, false);
    case 0xBB:
      return pick_bit(op, COMPLEMENT, false);
    case 0xBA:
      return pick_bit(op, op.modrm >> 3 & 7, true);
    case 0xA4:
    case 0xA5:
      return BY_FORM_16_32(op, op_double_shift, true);
    case 0xAC:
    case 0xAD:
      return BY_FORM_16_32(op, op_double_shift, false);
    case 0xB0:
    case 0xB1:
      return BY_FORM(op, op_compare_exchange);
    case 0xC0:
    case 0xC1:
      return BY_FORM(op, op_exchange_add);
    case 0xB6:
      return pick_extend<uint8_t, false>(op);
    case 0xB7:
      return pick_extend<uint16_t, false>(op);
    case 0xBE:
      return pick_extend<uint8_t, true>(op);
    case 0xBF:
      return pick_extend<uint16_t, true>(op);
    case 0xBC:
      return BY_FORM_16_32(op, op_bit_scan, true);
    case 0xBD:
      return BY_FORM_16_32(op, op_bit_scan, false);
    case 0xC7:
      return (op.flags & OP_MEMORY) && (op.modrm >> 3 & 7) == 1 ? &op_compare_exchange_8_bytes : nullptr;
    default:
      break;
  }
  if (op.opcode >= 0x40 && op.opcode <= 0x4F) return by_condition(op, code, false);
  if (op.opcode >= 0x90 && op.opcode <= 0x9F) return by_condition(op, code, true);
  if (op.opcode >= 0xC8 && op.opcode <= 0xCF) return &op_byte_swap;
  return nullptr;
}

}  // namespace bancada
