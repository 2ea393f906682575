// x87 loads, stores, arithmetic and comparisons with memory operands (D8-DF, mod != 3; SDM vol. 1, 8.3).
#include "x87_memory.h"

#include <bit>

#include "x87_arithmetic.h"
#include "x87_instruction.h"

namespace bancada {

namespace {

enum class Format : uint8_t { real32, real64, real80, int16, int32, int64, bcd };

// What the operand is read into and written from.
template <Format FORMAT>
auto read_operand(Interpreter& cpu, const Op* op, uint32_t offset) {
  const SegmentRegister segment = x87_segment(op);
  if constexpr (FORMAT == Format::int16) {
    return cpu.read<uint16_t>(segment, offset);
  } else if constexpr (FORMAT == Format::real32 || FORMAT == Format::int32) {
    return cpu.read<uint32_t>(segment, offset);
  } else if constexpr (FORMAT == Format::real64 || FORMAT == Format::int64) {
    return cpu.read<uint64_t>(segment, offset);
  } else {
    return x87_read80(cpu, segment, offset);
  }
}

// Normal numbers of the narrow formats widen by shifting; the rest may raise something.
bool widen_single(uint32_t value, Float80& to) {
  const uint32_t exponent = (value >> 23) & 0xFF;
  if (exponent == 0 || exponent == 0xFF) return false;
  to.significand = uint64_t{1} << 63 | uint64_t{value & 0x7FFFFF} << 40;
  to.sign_exponent = static_cast<uint16_t>((value >> 31) << 15 | (exponent + 0x3FFF - 0x7F));
  return true;
}

bool widen_double(uint64_t value, Float80& to) {
  const auto exponent = static_cast<uint32_t>(value >> 52) & 0x7FF;
  if (exponent == 0 || exponent == 0x7FF) return false;
  to.significand = uint64_t{1} << 63 | (value & 0xFFFFFFFFFFFFF) << 11;
  to.sign_exponent = static_cast<uint16_t>((value >> 63) << 15 | (exponent + 0x3FFF - 0x3FF));
  return true;
}

Float80 from_integer(int64_t value) {
  if (value == 0) return {0, 0};
  const uint64_t magnitude = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  const int shift = std::countl_zero(magnitude);
  return {magnitude << shift, static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (0x3FFF + 63 - shift))};
}

template <Format FORMAT>
void load(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const uint32_t offset = cpu.effective_address(op);
  const auto operand = read_operand<FORMAT>(cpu, op, offset);
  x87_remember_operand(cpu, op, offset);
  if (!x87_is_empty(x87, 7)) {
    if (x87_stack_fault(x87, true)) x87_push(x87, X87_INDEFINITE);
    return;
  }
  Float80 value;
  uint16_t status = 0;
  if constexpr (FORMAT == Format::real32) {
    if (!widen_single(operand, value)) status = x87_load_single(operand, value);
  } else if constexpr (FORMAT == Format::real64) {
    if (!widen_double(operand, value)) status = x87_load_double(operand, value);
  } else if constexpr (FORMAT == Format::real80) {
    value = operand;
  } else if constexpr (FORMAT == Format::int16) {
    value = from_integer(static_cast<int16_t>(operand));
  } else if constexpr (FORMAT == Format::int32) {
    value = from_integer(static_cast<int32_t>(operand));
  } else if constexpr (FORMAT == Format::int64) {
    value = from_integer(static_cast<int64_t>(operand));
  } else {
    status = x87_load_bcd(operand, value);
  }
  if (x87_take(x87, status & X87_EXCEPTIONS, X87_C1)) x87_push(x87, value);
}

template <X87Operation OPERATION, Format FORMAT>
void arithmetic(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const uint32_t offset = cpu.effective_address(op);
  const auto operand = read_operand<FORMAT>(cpu, op, offset);
  x87_remember_operand(cpu, op, offset);
  if (x87_is_empty(x87, 0)) {
    if (x87_stack_fault(x87, false)) {
      x87_st(x87, 0) = X87_INDEFINITE;
      x87_mark_full(x87, 0);
    }
    return;
  }
  using Host = X87Arithmetic<OPERATION>;
  Float80 value = x87_st(x87, 0);
  uint16_t status;
  if constexpr (FORMAT == Format::real32) {
    status = Host::with_single(x87.control, value, operand);
  } else if constexpr (FORMAT == Format::real64) {
    status = Host::with_double(x87.control, value, operand);
  } else if constexpr (FORMAT == Format::int16) {
    status = Host::with_int16(x87.control, value, operand);
  } else {
    status = Host::with_int32(x87.control, value, operand);
  }
  if (x87_take(x87, status, X87_C1)) x87_st(x87, 0) = value;
}

template <Format FORMAT, bool POP>
void compare(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const uint32_t offset = cpu.effective_address(op);
  const auto operand = read_operand<FORMAT>(cpu, op, offset);
  x87_remember_operand(cpu, op, offset);
  if (x87_is_empty(x87, 0)) {
    if (!x87_stack_fault(x87, false)) return;
    x87.status |= X87_C0 | X87_C2 | X87_C3;
  } else {
    const Float80& value = x87_st(x87, 0);
    uint16_t status;
    if constexpr (FORMAT == Format::real32) {
      status = x87_compare_single(value, operand);
    } else if constexpr (FORMAT == Format::real64) {
      status = x87_compare_double(value, operand);
    } else if constexpr (FORMAT == Format::int16) {
      status = x87_compare_int16(value, operand);
    } else {
      status = x87_compare_int32(value, operand);
    }
    if (!x87_take(x87, status, X87_CODES)) return;
  }
  if (POP) x87_pop(x87);
}

// The masked answer to a store from an empty register.
template <Format FORMAT>
constexpr auto indefinite() {
  if constexpr (FORMAT == Format::real32) {
    return uint32_t{0xFFC00000};
  } else if constexpr (FORMAT == Format::real64) {
    return uint64_t{0xFFF8000000000000};
  } else if constexpr (FORMAT == Format::int16) {
    return uint16_t{0x8000};
  } else if constexpr (FORMAT == Format::int32) {
    return uint32_t{0x80000000};
  } else if constexpr (FORMAT == Format::int64) {
    return uint64_t{0x8000000000000000};
  } else {
    return X87_INDEFINITE;  // packed decimal: the same ten bytes, FFFF C000 0000 0000 0000h
  }
}

template <Format FORMAT, bool POP>
void store(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const uint32_t offset = cpu.effective_address(op);
  auto operand = indefinite<FORMAT>();
  uint16_t status = 0;
  bool stores = true;
  const bool underflow = x87_is_empty(x87, 0);
  if (underflow) {
    stores = (x87.control & X87_IE) != 0;
  } else {
    const Float80& value = x87_st(x87, 0);
    if constexpr (FORMAT == Format::real32) {
      status = x87_store_single(x87.control, value, operand);
    } else if constexpr (FORMAT == Format::real64) {
      status = x87_store_double(x87.control, value, operand);
    } else if constexpr (FORMAT == Format::int16) {
      status = x87_store_int16(x87.control, value, operand);
    } else if constexpr (FORMAT == Format::int32) {
      status = x87_store_int32(x87.control, value, operand);
    } else if constexpr (FORMAT == Format::int64) {
      status = x87_store_int64(x87.control, value, operand);
    } else if constexpr (FORMAT == Format::bcd) {
      status = x87_store_bcd(x87.control, value, operand);
    } else {
      operand = value;
    }
    // A store that overflows or underflows unmasked leaves memory alone: there is no register to bias.
    stores = !(status & ~x87.control & (X87_BEFORE | X87_OE | X87_UE));
  }
  if (stores) {
    const SegmentRegister segment = x87_segment(op);
    if constexpr (FORMAT == Format::int16) {
      cpu.write<uint16_t>(segment, offset, operand);
    } else if constexpr (FORMAT == Format::real32 || FORMAT == Format::int32) {
      cpu.write<uint32_t>(segment, offset, operand);
    } else if constexpr (FORMAT == Format::real64 || FORMAT == Format::int64) {
      cpu.write<uint64_t>(segment, offset, operand);
    } else {
      x87_write80(cpu, segment, offset, operand);
    }
  }
  x87_remember_operand(cpu, op, offset);
  if (underflow) {
    x87_stack_fault(x87, false);
  } else {
    x87_take(x87, status, X87_C1);
  }
  if (POP && stores) x87_pop(x87);
}

// FISTTP: FISTP with truncation, whatever the control word says (SSE3, SDM vol. 1, 12.3.1).
template <Format FORMAT>
void store_truncated(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const uint16_t control = x87.control;
  const uint32_t offset = cpu.effective_address(op);
  // Nothing may fault once the rounding is changed.
  if constexpr (FORMAT == Format::int16) {
    cpu.check_write<uint16_t>(x87_segment(op), offset);
  } else if constexpr (FORMAT == Format::int32) {
    cpu.check_write<uint32_t>(x87_segment(op), offset);
  } else {
    cpu.check_write<uint64_t>(x87_segment(op), offset);
  }
  x87.control |= X87_ROUND_TRUNCATE;
  store<FORMAT, true>(cpu, op);
  x87.control = control;
}

// Handlers are chosen without knowing the model.
template <Format FORMAT>
const Op* fisttp(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_SSE3)) cpu.fault(VECTOR_UD);
  return x87_instruction<store_truncated<FORMAT>>(cpu, op);
}

template <Format FORMAT>
Handler arithmetic_handler(uint8_t reg) {
  constexpr Handler HANDLERS[8] = {
      x87_instruction<arithmetic<X87Operation::add, FORMAT>>,
      x87_instruction<arithmetic<X87Operation::mul, FORMAT>>,
      x87_instruction<compare<FORMAT, false>>,
      x87_instruction<compare<FORMAT, true>>,
      x87_instruction<arithmetic<X87Operation::sub, FORMAT>>,
      x87_instruction<arithmetic<X87Operation::subr, FORMAT>>,
      x87_instruction<arithmetic<X87Operation::div, FORMAT>>,
      x87_instruction<arithmetic<X87Operation::divr, FORMAT>>,
  };
  return HANDLERS[reg];
}

}  // namespace

Handler x87_memory_handler(const Op& op) {
  const uint8_t reg = (op.modrm >> 3) & 7;
  switch (op.opcode) {
    case 0xD8:
      return arithmetic_handler<Format::real32>(reg);
    case 0xDA:
      return arithmetic_handler<Format::int32>(reg);
    case 0xDC:
      return arithmetic_handler<Format::real64>(reg);
    case 0xDE:
      return arithmetic_handler<Format::int16>(reg);
    default:
      break;
  }
  switch ((op.opcode & 7) << 4 | reg) {
    case 0x10:
      return x87_instruction<load<Format::real32>>;
    case 0x12:
      return x87_instruction<store<Format::real32, false>>;
    case 0x13:
      return x87_instruction<store<Format::real32, true>>;
    case 0x30:
      return x87_instruction<load<Format::int32>>;
    case 0x31:
      return fisttp<Format::int32>;
    case 0x32:
      return x87_instruction<store<Format::int32, false>>;
    case 0x33:
      return x87_instruction<store<Format::int32, true>>;
    case 0x35:
      return x87_instruction<load<Format::real80>>;
    case 0x37:
      return x87_instruction<store<Format::real80, true>>;
    case 0x50:
      return x87_instruction<load<Format::real64>>;
    case 0x51:
      return fisttp<Format::int64>;
    case 0x52:
      return x87_instruction<store<Format::real64, false>>;
    case 0x53:
      return x87_instruction<store<Format::real64, true>>;
    case 0x70:
      return x87_instruction<load<Format::int16>>;
    case 0x71:
      return fisttp<Format::int16>;
    case 0x72:
      return x87_instruction<store<Format::int16, false>>;
    case 0x73:
      return x87_instruction<store<Format::int16, true>>;
    case 0x74:
      return x87_instruction<load<Format::bcd>>;
    case 0x75:
      return x87_instruction<load<Format::int64>>;
    case 0x76:
      return x87_instruction<store<Format::bcd, true>>;
    case 0x77:
      return x87_instruction<store<Format::int64, true>>;
    default:
      return nullptr;
  }
}

}  // namespace bancada
