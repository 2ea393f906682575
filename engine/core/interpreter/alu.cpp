// Arithmetic and logic on two operands, and on one (SDM vol. 1, 7.3.2, 7.3.4).
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

enum Kind { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP };

template <int K, typename T>
inline T compute(Interpreter& cpu, T a, T b) {
  T result;
  if constexpr (K == ADD || K == ADC) {
    result = static_cast<T>(a + b + (K == ADC ? get_cf(cpu) : 0));
    set_add_flags<T>(cpu, a, b, result);
  } else if constexpr (K == SUB || K == CMP || K == SBB) {
    result = static_cast<T>(a - b - (K == SBB ? get_cf(cpu) : 0));
    set_sub_flags<T>(cpu, a, b, result);
  } else {
    result = static_cast<T>(K == OR ? a | b : K == AND ? a & b : a ^ b);
    set_logic_flags<T>(cpu, result);
  }
  return result;
}

template <int K, typename T, bool Memory>
const Op* op_rm_register(Interpreter& cpu, const Op* op) {
  const T b = get_register<T>(cpu, op->reg);
  if constexpr (K == CMP)
    compute<K, T>(cpu, read_operand<T, Memory>(cpu, op), b);
  else
    change_operand<T, Memory>(cpu, op, [&](T a) { return compute<K, T>(cpu, a, b); });
  return NEXT(cpu, op);
}

template <int K, typename T, bool Memory>
const Op* op_register_rm(Interpreter& cpu, const Op* op) {
  const T b = read_operand<T, Memory>(cpu, op);
  const T result = compute<K, T>(cpu, get_register<T>(cpu, op->reg), b);
  if constexpr (K != CMP) set_register<T>(cpu, op->reg, result);
  return NEXT(cpu, op);
}

template <int K, typename T, bool Memory>
const Op* op_rm_immediate(Interpreter& cpu, const Op* op) {
  const auto b = static_cast<T>(op->imm);
  if constexpr (K == CMP)
    compute<K, T>(cpu, read_operand<T, Memory>(cpu, op), b);
  else
    change_operand<T, Memory>(cpu, op, [&](T a) { return compute<K, T>(cpu, a, b); });
  return NEXT(cpu, op);
}

template <int K>
Handler by_form(const Op& op, int form) {
  if (form == 0) return BY_FORM(op, op_rm_register, K);
  if (form == 1) return BY_FORM(op, op_register_rm, K);
  return BY_FORM(op, op_rm_immediate, K);
}

template <typename T, bool Memory>
const Op* op_test_register(Interpreter& cpu, const Op* op) {
  set_logic_flags<T>(cpu, static_cast<T>(read_operand<T, Memory>(cpu, op) & get_register<T>(cpu, op->reg)));
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_test_immediate(Interpreter& cpu, const Op* op) {
  set_logic_flags<T>(cpu, static_cast<T>(read_operand<T, Memory>(cpu, op) & static_cast<T>(op->imm)));
  return NEXT(cpu, op);
}

// INC and DEC leave CF alone.
template <bool Up, typename T>
inline T step(Interpreter& cpu, T a) {
  const bool cf = get_cf(cpu);
  const T result = static_cast<T>(Up ? a + 1 : a - 1);
  if constexpr (Up)
    set_add_flags<T>(cpu, a, 1, result);
  else
    set_sub_flags<T>(cpu, a, 1, result);
  set_cf(cpu, cf);
  return result;
}

template <bool Up, typename T, bool Memory>
const Op* op_step(Interpreter& cpu, const Op* op) {
  change_operand<T, Memory>(cpu, op, [&](T a) { return step<Up, T>(cpu, a); });
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_not(Interpreter& cpu, const Op* op) {
  change_operand<T, Memory>(cpu, op, [](T a) { return static_cast<T>(~a); });
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_neg(Interpreter& cpu, const Op* op) {
  change_operand<T, Memory>(cpu, op, [&](T a) {
    const T result = static_cast<T>(0 - a);
    set_sub_flags<T>(cpu, 0, a, result);
    return result;
  });
  return NEXT(cpu, op);
}

// -- Multiply and divide

template <typename T>
struct Wide;
template <>
struct Wide<uint8_t> {
  using U = uint16_t;
  using S = int16_t;
  using N = int8_t;
};
template <>
struct Wide<uint16_t> {
  using U = uint32_t;
  using S = int32_t;
  using N = int16_t;
};
template <>
struct Wide<uint32_t> {
  using U = uint64_t;
  using S = int64_t;
  using N = int32_t;
};

template <typename T>
typename Wide<T>::U get_double(Interpreter& cpu) {
  if constexpr (sizeof(T) == 1)
    return get_register<uint16_t>(cpu, EAX);
  else {
    using U = typename Wide<T>::U;
    return static_cast<U>(static_cast<U>(get_register<T>(cpu, EDX)) << (sizeof(T) * 8) | get_register<T>(cpu, EAX));
  }
}

template <typename T>
void set_halves(Interpreter& cpu, T low, T high) {
  if constexpr (sizeof(T) == 1) {
    set_register<uint16_t>(cpu, EAX, static_cast<uint16_t>(high << 8 | low));
  } else {
    set_register<T>(cpu, EAX, low);
    set_register<T>(cpu, EDX, high);
  }
}

template <bool Signed, typename T, bool Memory>
const Op* op_multiply(Interpreter& cpu, const Op* op) {
  using W = Wide<T>;
  const T a = get_register<T>(cpu, EAX), b = read_operand<T, Memory>(cpu, op);
  typename W::U product;
  bool overflow;
  if constexpr (Signed) {
    const auto wide = static_cast<typename W::S>(static_cast<typename W::S>(static_cast<typename W::N>(a)) *
                                                 static_cast<typename W::N>(b));
    product = static_cast<typename W::U>(wide);
    overflow = wide != static_cast<typename W::N>(wide);
  } else {
    product = static_cast<typename W::U>(static_cast<typename W::U>(a) * b);
    overflow = product >> (sizeof(T) * 8) != 0;
  }
  set_halves<T>(cpu, static_cast<T>(product), static_cast<T>(product >> (sizeof(T) * 8)));
  cpu.set_status_flags(overflow ? FLAG_CF | FLAG_OF : 0);  // the others are undefined
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_divide(Interpreter& cpu, const Op* op) {
  const T divisor = read_operand<T, Memory>(cpu, op);
  if (divisor == 0) cpu.fault(VECTOR_DE);
  const auto dividend = get_double<T>(cpu);
  const auto quotient = dividend / divisor;
  if (quotient >> (sizeof(T) * 8)) cpu.fault(VECTOR_DE);
  set_halves<T>(cpu, static_cast<T>(quotient), static_cast<T>(dividend % divisor));
  return NEXT(cpu, op);
}

template <typename T, bool Memory>
const Op* op_signed_divide(Interpreter& cpu, const Op* op) {
  using W = Wide<T>;
  const auto divisor = static_cast<typename W::N>(read_operand<T, Memory>(cpu, op));
  const auto dividend = static_cast<typename W::S>(get_double<T>(cpu));
  if (divisor == 0) cpu.fault(VECTOR_DE);
  // The one quotient the host cannot compute does not fit either.
  if (divisor == -1 && dividend == static_cast<typename W::S>(typename W::U{1} << (sizeof(T) * 16 - 1)))
    cpu.fault(VECTOR_DE);
  const auto quotient = static_cast<typename W::S>(dividend / divisor);
  if (quotient != static_cast<typename W::N>(quotient)) cpu.fault(VECTOR_DE);
  set_halves<T>(cpu, static_cast<T>(quotient), static_cast<T>(dividend % divisor));
  return NEXT(cpu, op);
}

}  // namespace

// form 0: r/m, r; 1: r, r/m; 2: r/m, immediate (accumulator forms have rm 0)
Handler arithmetic_handler(const Op& op, int kind, int form) {
  switch (kind) {
    case ADD:
      return by_form<ADD>(op, form);
    case OR:
      return by_form<OR>(op, form);
    case ADC:
      return by_form<ADC>(op, form);
    case SBB:
      return by_form<SBB>(op, form);
    case AND:
      return by_form<AND>(op, form);
    case SUB:
      return by_form<SUB>(op, form);
    case XOR:
      return by_form<XOR>(op, form);
    default:
      return by_form<CMP>(op, form);
  }
}

// 84, 85, A8, A9, 40-4F, F6, F7, FE, FF /0 /1
Handler unary_handler(const Op& op) {
  if (op.opcode == 0x84 || op.opcode == 0x85) return BY_FORM(op, op_test_register);
  if (op.opcode == 0xA8 || op.opcode == 0xA9) return BY_FORM(op, op_test_immediate);
  if (op.opcode >= 0x40 && op.opcode <= 0x47) return BY_FORM(op, op_step, true);
  if (op.opcode >= 0x48 && op.opcode <= 0x4F) return BY_FORM(op, op_step, false);
  const int extension = op.modrm >> 3 & 7;
  if (op.opcode >= 0xFE) return extension == 0 ? BY_FORM(op, op_step, true) : BY_FORM(op, op_step, false);
  switch (extension) {
    case 0:
    case 1:
      return BY_FORM(op, op_test_immediate);
    case 2:
      return BY_FORM(op, op_not);
    case 3:
      return BY_FORM(op, op_neg);
    case 4:
      return BY_FORM(op, op_multiply, false);
    case 5:
      return BY_FORM(op, op_multiply, true);
    case 6:
      return BY_FORM(op, op_divide);
    default:
      return BY_FORM(op, op_signed_divide);
  }
}

}  // namespace bancada
