// Arithmetic on 80-bit floating point: the one seam between the x87 instructions and whatever computes for them.
//
// Each function takes the guest's control word, does one operation and returns a status word: the exception flags the
// operation raised (bits 0-5) and its condition codes C0-C3. Nothing else of the word means anything. Pre-computation
// exceptions are always answered as if masked; the caller drops the result when the guest does not mask them. Overflow
// and underflow follow the guest's masks, so results with a biased exponent come out as SDM vol. 1, 8.5.4 and 8.5.5
// say.
//
// On x86-64 hosts the host's x87 computes: exact by construction. What may differ from the modelled processor is the
// last bit of transcendental functions, as it does between processors. The host's control word is 037Fh outside of
// these functions. Exception flags that were there before are returned, too: x87_prepare() leaves none there that the
// guest's status word does not have, and none at all when the guest does not mask every exception.
//
// For another host: the same functions on a soft-float library of 80-bit arithmetic.
#pragma once

#include <cstdint>

#include "../cpu_state.h"

#if !defined(__x86_64__)
#error \
    "x87_arithmetic.h computes on the host's x87 and needs an x86-64 host; put a soft-float behind its functions for others."
#endif

namespace bancada {

// The register operations of D8, DC and DE by ModRM.reg, comparisons aside.
enum class X87Operation : uint8_t { add = 0, mul = 1, sub = 4, subr = 5, div = 6, divr = 7 };

constexpr uint16_t X87_HOST_CONTROL = 0x037F;

// The guest's control word for the time of one operation.
class X87Control {
 public:
  explicit X87Control(uint16_t guest)
      : word_(static_cast<uint16_t>((guest & 0x0F18) | 0x0067)), changed_(word_ != X87_HOST_CONTROL) {
    if (changed_) asm volatile("fldcw %0" : : "m"(word_));
  }
  ~X87Control() {
    static const uint16_t host = X87_HOST_CONTROL;
    if (changed_) asm volatile("fldcw %0" : : "m"(host));
  }
  X87Control(const X87Control&) = delete;
  X87Control& operator=(const X87Control&) = delete;

 private:
  uint16_t word_;
  bool changed_;
};

inline void x87_forget_flags() {
  asm volatile("fnclex");
}

inline void x87_prepare(const X87State& guest) {
  constexpr uint16_t EXCEPTIONS = 0x3F;
  uint16_t host;
  asm volatile("fnstsw %0" : "=a"(host));
  // FNCLEX costs more than most operations do.
  if ((host & EXCEPTIONS & ~guest.status) != 0 || (guest.control & EXCEPTIONS) != EXCEPTIONS) x87_forget_flags();
}

// The status word is read before the result is taken away, and flags that are not masked are cleared in between:
// the next instruction would report them to the host. AX is written before the last operand is used, so status is
// an early-clobber output everywhere.
#define BANCADA_X87_STATUS "\n\tfnstsw %%ax\n\ttestb $0x80, %%al\n\tjz 1f\n\tfnclex\n1:\t"
#define BANCADA_X87_CLOBBERS "st", "st(1)", "st(2)", "cc"

template <X87Operation OPERATION>
struct X87Arithmetic;

#define BANCADA_X87_OPERATION(OPERATION)                                                                            \
  template <>                                                                                                       \
  struct X87Arithmetic<X87Operation::OPERATION> {                                                                   \
    static uint16_t with_register(uint16_t control, Float80& a, const Float80& b) {                                 \
      const X87Control scope(control);                                                                              \
      uint16_t status;                                                                                              \
      asm volatile("fldt %[b]\n\tfldt %[a]\n\tf" #OPERATION " %%st(1), %%st" BANCADA_X87_STATUS                     \
                   "fstpt %[a]\n\tfstp %%st(0)"                                                                     \
                   : "=&a"(status), [a] "+m"(a)                                                                     \
                   : [b] "m"(b)                                                                                     \
                   : BANCADA_X87_CLOBBERS);                                                                         \
      return status;                                                                                                \
    }                                                                                                               \
    static uint16_t with_single(uint16_t control, Float80& a, uint32_t b) { return with<uint32_t>(control, a, b); } \
    static uint16_t with_double(uint16_t control, Float80& a, uint64_t b) {                                         \
      const X87Control scope(control);                                                                              \
      uint16_t status;                                                                                              \
      asm volatile("fldt %[a]\n\tf" #OPERATION "l %[b]" BANCADA_X87_STATUS "fstpt %[a]"                             \
                   : "=&a"(status), [a] "+m"(a)                                                                     \
                   : [b] "m"(b)                                                                                     \
                   : BANCADA_X87_CLOBBERS);                                                                         \
      return status;                                                                                                \
    }                                                                                                               \
    static uint16_t with_int16(uint16_t control, Float80& a, uint16_t b) {                                          \
      const X87Control scope(control);                                                                              \
      uint16_t status;                                                                                              \
      asm volatile("fldt %[a]\n\tfi" #OPERATION "s %[b]" BANCADA_X87_STATUS "fstpt %[a]"                            \
                   : "=&a"(status), [a] "+m"(a)                                                                     \
                   : [b] "m"(b)                                                                                     \
                   : BANCADA_X87_CLOBBERS);                                                                         \
      return status;                                                                                                \
    }                                                                                                               \
    static uint16_t with_int32(uint16_t control, Float80& a, uint32_t b) {                                          \
      const X87Control scope(control);                                                                              \
      uint16_t status;                                                                                              \
      asm volatile("fldt %[a]\n\tfi" #OPERATION "l %[b]" BANCADA_X87_STATUS "fstpt %[a]"                            \
                   : "=&a"(status), [a] "+m"(a)                                                                     \
                   : [b] "m"(b)                                                                                     \
                   : BANCADA_X87_CLOBBERS);                                                                         \
      return status;                                                                                                \
    }                                                                                                               \
                                                                                                                    \
   private:                                                                                                         \
    template <typename T>                                                                                           \
    static uint16_t with(uint16_t control, Float80& a, T b) {                                                       \
      const X87Control scope(control);                                                                              \
      uint16_t status;                                                                                              \
      asm volatile("fldt %[a]\n\tf" #OPERATION "s %[b]" BANCADA_X87_STATUS "fstpt %[a]"                             \
                   : "=&a"(status), [a] "+m"(a)                                                                     \
                   : [b] "m"(b)                                                                                     \
                   : BANCADA_X87_CLOBBERS);                                                                         \
      return status;                                                                                                \
    }                                                                                                               \
  };
BANCADA_X87_OPERATION(add)
BANCADA_X87_OPERATION(mul)
BANCADA_X87_OPERATION(sub)
BANCADA_X87_OPERATION(subr)
BANCADA_X87_OPERATION(div)
BANCADA_X87_OPERATION(divr)
#undef BANCADA_X87_OPERATION

// One operand, one result in its place.
#define BANCADA_X87_UNARY(NAME, INSTRUCTION)                                 \
  inline uint16_t NAME(uint16_t control, Float80& a) {                       \
    const X87Control scope(control);                                         \
    uint16_t status;                                                         \
    asm volatile("fldt %[a]\n\t" INSTRUCTION BANCADA_X87_STATUS "fstpt %[a]" \
                 : "=&a"(status), [a] "+m"(a)                                \
                 :                                                           \
                 : BANCADA_X87_CLOBBERS);                                    \
    return status;                                                           \
  }
BANCADA_X87_UNARY(x87_f2xm1, "f2xm1")
BANCADA_X87_UNARY(x87_fsqrt, "fsqrt")
BANCADA_X87_UNARY(x87_frndint, "frndint")
BANCADA_X87_UNARY(x87_fsin, "fsin")
BANCADA_X87_UNARY(x87_fcos, "fcos")
BANCADA_X87_UNARY(x87_ftst, "ftst")
BANCADA_X87_UNARY(x87_fxam, "fxam")
#undef BANCADA_X87_UNARY

// ST(0) and ST(1), the result in `a`, which is ST(0).
#define BANCADA_X87_BINARY(NAME, INSTRUCTION)                                                             \
  inline uint16_t NAME(uint16_t control, Float80& a, const Float80& b) {                                  \
    const X87Control scope(control);                                                                      \
    uint16_t status;                                                                                      \
    asm volatile("fldt %[b]\n\tfldt %[a]\n\t" INSTRUCTION BANCADA_X87_STATUS "fstpt %[a]\n\tfstp %%st(0)" \
                 : "=&a"(status), [a] "+m"(a)                                                             \
                 : [b] "m"(b)                                                                             \
                 : BANCADA_X87_CLOBBERS);                                                                 \
    return status;                                                                                        \
  }
BANCADA_X87_BINARY(x87_fprem, "fprem")
BANCADA_X87_BINARY(x87_fprem1, "fprem1")
BANCADA_X87_BINARY(x87_fscale, "fscale")
BANCADA_X87_BINARY(x87_fcom, "fcom %%st(1)")
BANCADA_X87_BINARY(x87_fucom, "fucom %%st(1)")
#undef BANCADA_X87_BINARY

// ST(0) and ST(1), popped once: the result in `b`, which is ST(1).
#define BANCADA_X87_BINARY_POP(NAME, INSTRUCTION)                                         \
  inline uint16_t NAME(uint16_t control, const Float80& a, Float80& b) {                  \
    const X87Control scope(control);                                                      \
    uint16_t status;                                                                      \
    asm volatile("fldt %[b]\n\tfldt %[a]\n\t" INSTRUCTION BANCADA_X87_STATUS "fstpt %[b]" \
                 : "=&a"(status), [b] "+m"(b)                                             \
                 : [a] "m"(a)                                                             \
                 : BANCADA_X87_CLOBBERS);                                                 \
    return status;                                                                        \
  }
BANCADA_X87_BINARY_POP(x87_fyl2x, "fyl2x")
BANCADA_X87_BINARY_POP(x87_fyl2xp1, "fyl2xp1")
BANCADA_X87_BINARY_POP(x87_fpatan, "fpatan")
#undef BANCADA_X87_BINARY_POP

// Two results: `a` in place and `pushed` above it. With C2 set (argument out of range) nothing is pushed.
#define BANCADA_X87_PUSHING(NAME, INSTRUCTION, WHEN_REDUCED)                                                   \
  inline uint16_t NAME(uint16_t control, Float80& a, Float80& pushed) {                                        \
    const X87Control scope(control);                                                                           \
    uint16_t status;                                                                                           \
    asm volatile("fldt %[a]\n\t" INSTRUCTION BANCADA_X87_STATUS WHEN_REDUCED "fstpt %[pushed]\n2:\tfstpt %[a]" \
                 : "=&a"(status), [a] "+m"(a), [pushed] "+m"(pushed)                                           \
                 :                                                                                             \
                 : BANCADA_X87_CLOBBERS);                                                                      \
    return status;                                                                                             \
  }
BANCADA_X87_PUSHING(x87_fptan, "fptan", "testb $4, %%ah\n\tjnz 2f\n\t")
BANCADA_X87_PUSHING(x87_fsincos, "fsincos", "testb $4, %%ah\n\tjnz 2f\n\t")
BANCADA_X87_PUSHING(x87_fxtract, "fxtract", "")
#undef BANCADA_X87_PUSHING

// Comparisons with memory operands.
#define BANCADA_X87_COMPARE(NAME, TYPE, INSTRUCTION)                                \
  inline uint16_t NAME(const Float80& a, TYPE b) {                                  \
    uint16_t status;                                                                \
    asm volatile("fldt %[a]\n\t" INSTRUCTION " %[b]\n\tfnstsw %%ax\n\tfstp %%st(0)" \
                 : "=&a"(status)                                                    \
                 : [a] "m"(a), [b] "m"(b)                                           \
                 : BANCADA_X87_CLOBBERS);                                           \
    return status;                                                                  \
  }
BANCADA_X87_COMPARE(x87_compare_single, uint32_t, "fcoms")
BANCADA_X87_COMPARE(x87_compare_double, uint64_t, "fcoml")
BANCADA_X87_COMPARE(x87_compare_int16, uint16_t, "ficoms")
BANCADA_X87_COMPARE(x87_compare_int32, uint32_t, "ficoml")
#undef BANCADA_X87_COMPARE

// Loads: the value as 80 bits.
#define BANCADA_X87_LOAD(NAME, TYPE, INSTRUCTION)                        \
  inline uint16_t NAME(TYPE from, Float80& to) {                         \
    uint16_t status;                                                     \
    asm volatile("" INSTRUCTION " %[from]\n\tfnstsw %%ax\n\tfstpt %[to]" \
                 : "=&a"(status), [to] "+m"(to)                          \
                 : [from] "m"(from)                                      \
                 : BANCADA_X87_CLOBBERS);                                \
    return status;                                                       \
  }
BANCADA_X87_LOAD(x87_load_single, uint32_t, "flds")
BANCADA_X87_LOAD(x87_load_double, uint64_t, "fldl")
BANCADA_X87_LOAD(x87_load_int16, uint16_t, "filds")
BANCADA_X87_LOAD(x87_load_int32, uint32_t, "fildl")
BANCADA_X87_LOAD(x87_load_int64, uint64_t, "fildll")
BANCADA_X87_LOAD(x87_load_bcd, const Float80&, "fbld")  // ten bytes of packed decimal in the operand's memory
#undef BANCADA_X87_LOAD

// Stores: the value in a narrower format. With overflow or underflow raised and not masked `to` is left alone.
#define BANCADA_X87_STORE(NAME, TYPE, INSTRUCTION)                                         \
  inline uint16_t NAME(uint16_t control, const Float80& from, TYPE& to) {                  \
    const X87Control scope(control);                                                       \
    uint16_t status;                                                                       \
    asm volatile("fldt %[from]\n\t" INSTRUCTION " %[to]" BANCADA_X87_STATUS "fstp %%st(0)" \
                 : "=&a"(status), [to] "+m"(to)                                            \
                 : [from] "m"(from)                                                        \
                 : BANCADA_X87_CLOBBERS);                                                  \
    return status;                                                                         \
  }
BANCADA_X87_STORE(x87_store_single, uint32_t, "fsts")
BANCADA_X87_STORE(x87_store_double, uint64_t, "fstl")
BANCADA_X87_STORE(x87_store_int16, uint16_t, "fists")
BANCADA_X87_STORE(x87_store_int32, uint32_t, "fistl")
// These two pop by themselves, and never overflow in the floating-point sense: an invalid operation is masked.
BANCADA_X87_STORE(x87_store_int64, uint64_t, "fldt %[from]\n\tfistpll")
BANCADA_X87_STORE(x87_store_bcd, Float80, "fldt %[from]\n\tfbstp")
#undef BANCADA_X87_STORE

// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ (D9 E8-EE), rounded as the control word says.
inline void x87_constant(uint16_t control, int index, Float80& to) {
  const X87Control scope(control);
#define BANCADA_X87_CONSTANT(INDEX, INSTRUCTION)                                  \
  case INDEX:                                                                     \
    asm volatile(INSTRUCTION "\n\tfstpt %0" : "+m"(to) : : BANCADA_X87_CLOBBERS); \
    break;
  switch (index) {
    BANCADA_X87_CONSTANT(0, "fld1")
    BANCADA_X87_CONSTANT(1, "fldl2t")
    BANCADA_X87_CONSTANT(2, "fldl2e")
    BANCADA_X87_CONSTANT(3, "fldpi")
    BANCADA_X87_CONSTANT(4, "fldlg2")
    BANCADA_X87_CONSTANT(5, "fldln2")
    default:
      asm volatile("fldz\n\tfstpt %0" : "+m"(to) : : BANCADA_X87_CLOBBERS);
      break;
  }
#undef BANCADA_X87_CONSTANT
}

#undef BANCADA_X87_STATUS
#undef BANCADA_X87_CLOBBERS

}  // namespace bancada
