// Overflow and underflow that are not masked (SDM vol. 1, 4.9.1.4, 4.9.1.5 and 11.5.2).
//
// They differ from masked ones in the flags: an underflow is raised by any tiny result, not by inexact ones alone; and
// inexact means that rounding lost something with no bound on the exponent. Results of the x87 in single or double
// precision have that: their exponent is always of 15 bits.
#if defined(__SSE2__)

#include "sse_float.h"
#include "x87_arithmetic.h"

namespace bancada {

namespace {

constexpr uint16_t X87_MASKED = 0x003F;
constexpr uint16_t X87_SINGLE = 0x0000;
constexpr uint16_t X87_DOUBLE = 0x0200;
constexpr uint32_t MXCSR_TO_X87_ROUNDING = 3;  // bits 13-14 to bits 10-11

constexpr uint64_t ONE_DOUBLE = 0x3FF0000000000000;

uint64_t single_of(const Xmm& value, unsigned index) {
  return (value.lane[index / 2] >> (32 * (index % 2))) & 0xFFFFFFFF;
}

// One element's computation on the x87.
class Exact {
 public:
  explicit Exact(uint32_t mxcsr)
      : control_(static_cast<uint16_t>((mxcsr & MXCSR_ROUNDING) >> MXCSR_TO_X87_ROUNDING | X87_MASKED)),
        zeroes_denormals_((mxcsr & MXCSR_DAZ) != 0) {}

  bool is_inexact(Arithmetic kind, bool to_single, bool from_single, uint64_t a, uint64_t b) const {
    Float80 x = load(a, from_single);
    const Float80 y = load(b, from_single);
    const auto control = static_cast<uint16_t>(control_ | (to_single ? X87_SINGLE : X87_DOUBLE));
    x87_forget_flags();
    return (apply(kind, control, x, y) & X87_PE) != 0;
  }

 private:
  static uint16_t apply(Arithmetic kind, uint16_t control, Float80& x, const Float80& y) {
    switch (kind) {
      case Arithmetic::add:
        return X87Arithmetic<X87Operation::add>::with_register(control, x, y);
      case Arithmetic::sub:
        return X87Arithmetic<X87Operation::sub>::with_register(control, x, y);
      case Arithmetic::div:
        return X87Arithmetic<X87Operation::div>::with_register(control, x, y);
      default:
        return X87Arithmetic<X87Operation::mul>::with_register(control, x, y);
    }
  }

  Float80 load(uint64_t bits, bool single) const {
    Float80 value;
    if (single) {
      if (zeroes_denormals_ && ((bits >> 23) & 0xFF) == 0) bits &= 0x80000000;
      x87_load_single(static_cast<uint32_t>(bits), value);
    } else {
      if (zeroes_denormals_ && ((bits >> 52) & 0x7FF) == 0) bits &= uint64_t{1} << 63;
      x87_load_double(bits, value);
    }
    return value;
  }

  uint16_t control_;
  bool zeroes_denormals_;
};

unsigned count_of(Element element) {
  switch (element) {
    case Element::single:
      return 4;
    case Element::single_pair:
    case Element::real:
      return 2;
    default:
      return 1;
  }
}

bool is_real(Element element) {
  return element == Element::real || element == Element::real_scalar;
}

bool is_any_tiny(Element element, __m128i result) {
  const Xmm value = to_xmm(result);
  for (unsigned i = 0; i < count_of(element); ++i) {
    if (is_real(element)) {
      if (((value.lane[i] >> 52) & 0x7FF) == 0 && (value.lane[i] << 12) != 0) return true;
    } else {
      const uint64_t bits = single_of(value, i);
      if (((bits >> 23) & 0xFF) == 0 && (bits & 0x7FFFFF) != 0) return true;
    }
  }
  return false;
}

bool is_any_inexact(uint32_t mxcsr, Arithmetic kind, Element element, const Xmm& a, const Xmm& b) {
  const Exact exact(mxcsr);
  const bool real = is_real(element);
  const unsigned count = count_of(element);
  const auto take = [real](const Xmm& from, unsigned index) {
    return real ? from.lane[index] : single_of(from, index);
  };
  for (unsigned i = 0; i < count; ++i) {
    bool inexact = false;
    if (kind == Arithmetic::narrow) {
      inexact = exact.is_inexact(Arithmetic::mul, true, false, b.lane[i], ONE_DOUBLE);
    } else if (kind == Arithmetic::hadd || kind == Arithmetic::hsub) {
      // The first half of the results comes from a, the second from b.
      const Xmm& from = i < count / 2 ? a : b;
      const unsigned first = 2 * i % count;
      const Arithmetic one = kind == Arithmetic::hadd ? Arithmetic::add : Arithmetic::sub;
      inexact = exact.is_inexact(one, !real, !real, take(from, first), take(from, first + 1));
    } else {
      Arithmetic one = kind;
      if (kind == Arithmetic::addsub) one = i % 2 == 0 ? Arithmetic::sub : Arithmetic::add;
      inexact = exact.is_inexact(one, !real, !real, take(a, i), take(b, i));
    }
    if (inexact) return true;
  }
  return false;
}

}  // namespace

uint32_t sse_unmasked_range(uint32_t mxcsr, uint32_t raised, Arithmetic kind, Element element, __m128i a, __m128i b,
                            __m128i result) {
  const uint32_t masks = mxcsr >> MXCSR_MASK_SHIFT;
  if (!(masks & MXCSR_UE) && is_any_tiny(element, result)) raised |= MXCSR_UE;
  if ((raised & MXCSR_PE) && (raised & ~masks & (MXCSR_OE | MXCSR_UE))) {
    const bool masked_range = (raised & masks & (MXCSR_OE | MXCSR_UE)) != 0;
    if (!masked_range && !is_any_inexact(mxcsr, kind, element, to_xmm(a), to_xmm(b))) raised &= ~MXCSR_PE;
  }
  return raised;
}

}  // namespace bancada

#endif
