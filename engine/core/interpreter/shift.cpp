// Shifts and rotates (SDM vol. 1, 7.3.6). Of the flags that the architecture leaves undefined, AF is cleared and OF
// follows the rule for a count of 1.
#include "dispatch.h"
#include "lazy_flags.h"
#include "memory_access.h"

namespace bancada {

namespace {

enum Kind { ROL, ROR, RCL, RCR, SHL, SHR, SAL, SAR };

template <int K, typename T>
T shift(Interpreter& cpu, T value, uint32_t count) {
  constexpr uint32_t bits = sizeof(T) * 8;
  constexpr T top = static_cast<T>(T{1} << (bits - 1));
  count &= 31;
  if (count == 0) return value;
  if constexpr (K == ROL || K == ROR) {
    const uint32_t n = count % bits;
    T result = value;
    if (n != 0) {
      result = K == ROL ? static_cast<T>(value << n | value >> (bits - n))
                        : static_cast<T>(value >> n | value << (bits - n));
    }
    if constexpr (K == ROL)
      set_cf_of(cpu, result & 1, ((result & top) != 0) != ((result & 1) != 0));
    else
      set_cf_of(cpu, result & top, ((result & top) != 0) != ((result & (top >> 1)) != 0));
    return result;
  } else if constexpr (K == RCL || K == RCR) {
    uint32_t n = count % (bits + 1);
    uint64_t wide = value | static_cast<uint64_t>(get_cf(cpu)) << bits;  // bits + 1 wide
    if (n != 0) {
      const uint64_t mask = (uint64_t{1} << (bits + 1)) - 1;
      wide = (K == RCL ? (wide << n | wide >> (bits + 1 - n)) : (wide >> n | wide << (bits + 1 - n))) & mask;
    }
    const auto result = static_cast<T>(wide);
    const bool cf = wide >> bits & 1;
    if constexpr (K == RCL)
      set_cf_of(cpu, cf, ((result & top) != 0) != cf);
    else
      set_cf_of(cpu, cf, ((result & top) != 0) != ((result & (top >> 1)) != 0));
    return result;
  } else if constexpr (K == SHL || K == SAL) {
    const uint64_t wide = static_cast<uint64_t>(value) << count;
    const auto result = static_cast<T>(wide);
    const bool cf = wide >> bits & 1;
    set_shift_flags<T>(cpu, result, cf, ((result & top) != 0) != cf);
    return result;
  } else if constexpr (K == SHR) {
    const auto result = static_cast<T>(count < bits ? value >> count : 0);
    const bool cf = count <= bits && (static_cast<uint64_t>(value) >> (count - 1) & 1);
    set_shift_flags<T>(cpu, result, cf, count == 1 && (value & top));
    return result;
  } else {
    const auto wide = static_cast<int64_t>(static_cast<int32_t>(extend(value)));
    const auto result = static_cast<T>(wide >> count);
    set_shift_flags<T>(cpu, result, wide >> (count - 1) & 1, false);
    return result;
  }
}

enum Source { BY_ONE, BY_IMMEDIATE, BY_CL };

template <int K, int Count, typename T, bool Memory>
const Op* op_shift(Interpreter& cpu, const Op* op) {
  const uint32_t count = Count == BY_ONE ? 1 : Count == BY_IMMEDIATE ? op->imm : cpu.state_.gpr[ECX];
  change_operand<T, Memory>(cpu, op, [&](T value) { return shift<K, T>(cpu, value, count); });
  return NEXT(cpu, op);
}

template <int K>
Handler by_source(const Op& op, int source) {
  if (source == BY_ONE) return BY_FORM(op, op_shift, K, BY_ONE);
  if (source == BY_IMMEDIATE) return BY_FORM(op, op_shift, K, BY_IMMEDIATE);
  return BY_FORM(op, op_shift, K, BY_CL);
}

}  // namespace

// C0, C1 (immediate), D0, D1 (one), D2, D3 (CL)
Handler shift_handler(const Op& op, int source) {
  switch (op.modrm >> 3 & 7) {
    case ROL:
      return by_source<ROL>(op, source);
    case ROR:
      return by_source<ROR>(op, source);
    case RCL:
      return by_source<RCL>(op, source);
    case RCR:
      return by_source<RCR>(op, source);
    case SHR:
      return by_source<SHR>(op, source);
    case SAR:
      return by_source<SAR>(op, source);
    default:
      return by_source<SHL>(op, source);
  }
}

}  // namespace bancada
