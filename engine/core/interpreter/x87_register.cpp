// x87 instructions on the register stack alone (D8-DF, mod = 3; SDM vol. 1, 8.3).
#include "lazy_flags.h"
#include "x87_arithmetic.h"
#include "x87_instruction.h"

namespace bancada {

namespace {

unsigned index_of(const Op* op) {
  return op->modrm & 7;
}

bool is_nan(const Float80& value) {
  return (value.sign_exponent & 0x7FFF) == 0x7FFF && (value.significand << 1) != 0;
}

void set_codes(X87State& x87, uint16_t codes) {
  x87.status = static_cast<uint16_t>((x87.status & ~X87_CODES) | codes);
}

// Stack underflow of an instruction that would have written ST(index).
void underflow_into(X87State& x87, unsigned index, bool pops) {
  if (!x87_stack_fault(x87, false)) return;
  x87_st(x87, index) = X87_INDEFINITE;
  x87_mark_full(x87, index);
  if (pops) x87_pop(x87);
}

// D8: ST(0) op= ST(i).
template <X87Operation OPERATION>
void to_top(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) return underflow_into(x87, 0, false);
  Float80 value = x87_st(x87, 0);
  const uint16_t status = X87Arithmetic<OPERATION>::with_register(x87.control, value, x87_st(x87, i));
  if (x87_take(x87, status, X87_C1)) x87_st(x87, 0) = value;
}

// DC and DE: ST(i) = ST(i) op ST(0); the reversed operations have their encodings swapped against D8.
template <X87Operation OPERATION, bool POP>
void to_register(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) return underflow_into(x87, i, POP);
  Float80 value = x87_st(x87, i);
  const uint16_t status = X87Arithmetic<OPERATION>::with_register(x87.control, value, x87_st(x87, 0));
  if (!x87_take(x87, status, X87_C1)) return;
  x87_st(x87, i) = value;
  if (POP) x87_pop(x87);
}

template <bool UNORDERED>
uint16_t compare_registers(const X87State& x87, Float80 a, const Float80& b) {
  return UNORDERED ? x87_fucom(x87.control, a, b) : x87_fcom(x87.control, a, b);
}

// FCOM, FUCOM and kin, popping 0, 1 or 2.
template <bool UNORDERED, int POPS>
void compare(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = POPS == 2 ? 1 : index_of(op);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) {
    if (!x87_stack_fault(x87, false)) return;
    x87.status |= X87_C0 | X87_C2 | X87_C3;
  } else if (!x87_take(x87, compare_registers<UNORDERED>(x87, x87_st(x87, 0), x87_st(x87, i)), X87_CODES)) {
    return;
  }
  for (int pops = 0; pops < POPS; ++pops) x87_pop(x87);
}

// FCOMI, FUCOMI: C3, C2, C0 become ZF, PF, CF; OF, SF and AF are cleared.
template <bool UNORDERED, bool POP>
void compare_to_flags(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  uint16_t status = X87_C0 | X87_C2 | X87_C3;
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) {
    if (!x87_stack_fault(x87, false)) return;
  } else {
    status = compare_registers<UNORDERED>(x87, x87_st(x87, 0), x87_st(x87, i));
    if (!x87_take(x87, status, X87_C1)) return;
  }
  cpu.set_status_flags(((status & X87_C0) ? FLAG_CF : 0) | ((status & X87_C2) ? FLAG_PF : 0) |
                       ((status & X87_C3) ? FLAG_ZF : 0));
  if (POP) x87_pop(x87);
}

enum class Condition : uint8_t { below, equal, below_or_equal, unordered };

template <Condition CONDITION, bool NEGATED>
void fcmov(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) return underflow_into(x87, 0, false);
  constexpr uint32_t MASKS[4] = {FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_PF};
  const bool met = (cpu.flags() & MASKS[static_cast<int>(CONDITION)]) != 0;
  if (met != NEGATED) x87_st(x87, 0) = x87_st(x87, i);
}

void fld(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  if (!x87_is_empty(x87, 7)) {
    if (x87_stack_fault(x87, true)) x87_push(x87, X87_INDEFINITE);
  } else if (x87_is_empty(x87, i)) {
    if (x87_stack_fault(x87, false)) x87_push(x87, X87_INDEFINITE);
  } else {
    const Float80 value = x87_st(x87, i);
    x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
    x87_push(x87, value);
  }
}

template <bool POP>
void fst(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  if (x87_is_empty(x87, 0)) return underflow_into(x87, i, POP);
  x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
  x87_st(x87, i) = x87_st(x87, 0);
  x87_mark_full(x87, i);
  if (POP) x87_pop(x87);
}

void fxch(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  const unsigned i = index_of(op);
  Float80& top = x87_st(x87, 0);
  Float80& other = x87_st(x87, i);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, i)) {
    if (!x87_stack_fault(x87, false)) return;
    if (x87_is_empty(x87, 0)) top = X87_INDEFINITE;
    if (x87_is_empty(x87, i)) other = X87_INDEFINITE;
    x87_mark_full(x87, 0);
    x87_mark_full(x87, i);
  } else {
    x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
  }
  const Float80 value = top;
  top = other;
  other = value;
}

void ffree(Interpreter& cpu, const Op* op) {
  x87_mark_empty(cpu.state_.x87, index_of(op));
}

void ffreep(Interpreter& cpu, const Op* op) {
  x87_mark_empty(cpu.state_.x87, index_of(op));
  x87_pop(cpu.state_.x87);
}

void fnop(Interpreter&, const Op*) {}

template <int STEP>
void move_top(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  x87.top = (x87.top + STEP) & 7;
  x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
}

enum class SignChange : uint8_t { flip, clear };

template <SignChange CHANGE>
void change_sign(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  if (x87_is_empty(x87, 0)) return underflow_into(x87, 0, false);
  Float80& value = x87_st(x87, 0);
  value.sign_exponent =
      static_cast<uint16_t>(CHANGE == SignChange::flip ? value.sign_exponent ^ 0x8000 : value.sign_exponent & 0x7FFF);
  x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
}

void ftst(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  if (x87_is_empty(x87, 0)) {
    if (x87_stack_fault(x87, false)) x87.status |= X87_C0 | X87_C2 | X87_C3;
    return;
  }
  Float80 value = x87_st(x87, 0);
  x87_take(x87, x87_ftst(x87.control, value), X87_CODES);
}

void fxam(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  Float80 value = x87_st(x87, 0);
  if (x87_is_empty(x87, 0)) {
    set_codes(x87, X87_C3 | X87_C0 | ((value.sign_exponent & 0x8000) ? X87_C1 : 0));
  } else {
    set_codes(x87, x87_fxam(x87.control, value) & X87_CODES);
  }
}

void constant(Interpreter& cpu, const Op* op) {
  X87State& x87 = cpu.state_.x87;
  Float80 value;
  x87_constant(x87.control, op->modrm & 7, value);
  if (x87_is_empty(x87, 7)) x87.status = static_cast<uint16_t>(x87.status & ~X87_C1);
  x87_push_checked(x87, value);
}

// C2 is clear unless the operation is done and says otherwise.
template <uint16_t CODES>
void clear_c2(X87State& x87) {
  x87.status = static_cast<uint16_t>(x87.status & ~(CODES & X87_C2));
}

// ST(0) = f(ST(0)); C2 tells of arguments out of range where CODES has it.
template <uint16_t (*FUNCTION)(uint16_t, Float80&), uint16_t CODES>
void unary(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  clear_c2<CODES>(x87);
  if (x87_is_empty(x87, 0)) return underflow_into(x87, 0, false);
  Float80 value = x87_st(x87, 0);
  if (x87_take(x87, FUNCTION(x87.control, value), CODES)) x87_st(x87, 0) = value;
}

// ST(0) = f(ST(0), ST(1)).
template <uint16_t (*FUNCTION)(uint16_t, Float80&, const Float80&), uint16_t CODES>
void binary(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  clear_c2<CODES>(x87);
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, 1)) return underflow_into(x87, 0, false);
  Float80 value = x87_st(x87, 0);
  const uint16_t status = FUNCTION(x87.control, value, x87_st(x87, 1));
  // Without a quotient C0 and C3 stay as they were.
  const uint16_t codes = is_nan(value) ? CODES & X87_C1 : CODES;
  if (x87_take(x87, status, codes)) x87_st(x87, 0) = value;
}

// ST(1) = f(ST(0), ST(1)), then a pop.
template <uint16_t (*FUNCTION)(uint16_t, const Float80&, Float80&)>
void binary_pop(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  if (x87_is_empty(x87, 0) || x87_is_empty(x87, 1)) return underflow_into(x87, 1, true);
  Float80 value = x87_st(x87, 1);
  if (!x87_take(x87, FUNCTION(x87.control, x87_st(x87, 0), value), X87_C1)) return;
  x87_st(x87, 1) = value;
  x87_pop(x87);
}

// Two results: ST(0) in place and another pushed on it.
template <uint16_t (*FUNCTION)(uint16_t, Float80&, Float80&), uint16_t CODES>
void pushing(Interpreter& cpu, const Op*) {
  X87State& x87 = cpu.state_.x87;
  clear_c2<CODES>(x87);
  const bool underflow = x87_is_empty(x87, 0);
  if (underflow || !x87_is_empty(x87, 7)) {
    if (!x87_stack_fault(x87, !underflow)) return;
    x87_st(x87, 0) = X87_INDEFINITE;
    x87_mark_full(x87, 0);
    x87_push(x87, X87_INDEFINITE);
    return;
  }
  Float80 value = x87_st(x87, 0), pushed;
  const uint16_t status = FUNCTION(x87.control, value, pushed);
  if (!x87_take(x87, status, CODES)) return;
  if (CODES & status & X87_C2) return;
  x87_st(x87, 0) = value;
  x87_push(x87, pushed);
}

// FCMOV and FCOMI came with the P6 family: they go with CMOV (SDM vol. 2, CPUID).
template <Handler HANDLER>
const Op* with_cmov(Interpreter& cpu, const Op* op) {
  if (!cpu_facts(cpu.model_).has(FEATURE_CMOV)) cpu.fault(VECTOR_UD);
  return HANDLER(cpu, op);
}

constexpr uint16_t C1_C2 = X87_C1 | X87_C2;

Handler d9_handler(uint8_t modrm) {
  switch (modrm) {
    case 0xD0:
      return x87_instruction<fnop>;
    case 0xE0:
      return x87_instruction<change_sign<SignChange::flip>>;
    case 0xE1:
      return x87_instruction<change_sign<SignChange::clear>>;
    case 0xE4:
      return x87_instruction<ftst>;
    case 0xE5:
      return x87_instruction<fxam>;
    case 0xF0:
      return x87_instruction<unary<x87_f2xm1, X87_C1>>;
    case 0xF1:
      return x87_instruction<binary_pop<x87_fyl2x>>;
    case 0xF2:
      return x87_instruction<pushing<x87_fptan, C1_C2>>;
    case 0xF3:
      return x87_instruction<binary_pop<x87_fpatan>>;
    case 0xF4:
      return x87_instruction<pushing<x87_fxtract, X87_C1>>;
    case 0xF5:
      return x87_instruction<binary<x87_fprem1, X87_CODES>>;
    case 0xF6:
      return x87_instruction<move_top<-1>>;
    case 0xF7:
      return x87_instruction<move_top<1>>;
    case 0xF8:
      return x87_instruction<binary<x87_fprem, X87_CODES>>;
    case 0xF9:
      return x87_instruction<binary_pop<x87_fyl2xp1>>;
    case 0xFA:
      return x87_instruction<unary<x87_fsqrt, X87_C1>>;
    case 0xFB:
      return x87_instruction<pushing<x87_fsincos, C1_C2>>;
    case 0xFC:
      return x87_instruction<unary<x87_frndint, X87_C1>>;
    case 0xFD:
      return x87_instruction<binary<x87_fscale, X87_C1>>;
    case 0xFE:
      return x87_instruction<unary<x87_fsin, C1_C2>>;
    case 0xFF:
      return x87_instruction<unary<x87_fcos, C1_C2>>;
    default:
      break;
  }
  if (modrm >= 0xE8 && modrm <= 0xEE) return x87_instruction<constant>;
  switch ((modrm >> 3) & 7) {
    case 0:
      return x87_instruction<fld>;
    case 1:
      return x87_instruction<fxch>;
    case 3:
      return x87_instruction<fst<true>>;
    default:
      return nullptr;
  }
}

}  // namespace

Handler x87_register_handler(const Op& op) {
  using enum X87Operation;
  const uint8_t reg = (op.modrm >> 3) & 7;
  switch (op.opcode) {
    case 0xD8: {
      constexpr Handler HANDLERS[8] = {x87_instruction<to_top<add>>,       x87_instruction<to_top<mul>>,
                                       x87_instruction<compare<false, 0>>, x87_instruction<compare<false, 1>>,
                                       x87_instruction<to_top<sub>>,       x87_instruction<to_top<subr>>,
                                       x87_instruction<to_top<div>>,       x87_instruction<to_top<divr>>};
      return HANDLERS[reg];
    }
    case 0xD9:
      return d9_handler(op.modrm);
    case 0xDA: {
      constexpr Handler HANDLERS[4] = {with_cmov<x87_instruction<fcmov<Condition::below, false>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::equal, false>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::below_or_equal, false>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::unordered, false>>>};
      if (reg < 4) return HANDLERS[reg];
      return op.modrm == 0xE9 ? x87_instruction<compare<true, 2>> : nullptr;
    }
    case 0xDB: {
      constexpr Handler HANDLERS[8] = {with_cmov<x87_instruction<fcmov<Condition::below, true>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::equal, true>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::below_or_equal, true>>>,
                                       with_cmov<x87_instruction<fcmov<Condition::unordered, true>>>,
                                       nullptr,
                                       with_cmov<x87_instruction<compare_to_flags<true, false>>>,
                                       with_cmov<x87_instruction<compare_to_flags<false, false>>>,
                                       nullptr};
      return HANDLERS[reg];
    }
    case 0xDC: {
      constexpr Handler HANDLERS[8] = {
          x87_instruction<to_register<add, false>>,  x87_instruction<to_register<mul, false>>,
          x87_instruction<compare<false, 0>>,        x87_instruction<compare<false, 1>>,
          x87_instruction<to_register<subr, false>>, x87_instruction<to_register<sub, false>>,
          x87_instruction<to_register<divr, false>>, x87_instruction<to_register<div, false>>};
      return HANDLERS[reg];
    }
    case 0xDD: {
      constexpr Handler HANDLERS[8] = {x87_instruction<ffree>,
                                       x87_instruction<fxch>,
                                       x87_instruction<fst<false>>,
                                       x87_instruction<fst<true>>,
                                       x87_instruction<compare<true, 0>>,
                                       x87_instruction<compare<true, 1>>,
                                       nullptr,
                                       nullptr};
      return HANDLERS[reg];
    }
    case 0xDE: {
      constexpr Handler HANDLERS[8] = {
          x87_instruction<to_register<add, true>>,  x87_instruction<to_register<mul, true>>,
          x87_instruction<compare<false, 1>>,       nullptr,
          x87_instruction<to_register<subr, true>>, x87_instruction<to_register<sub, true>>,
          x87_instruction<to_register<divr, true>>, x87_instruction<to_register<div, true>>};
      if (op.modrm == 0xD9) return x87_instruction<compare<false, 2>>;
      return HANDLERS[reg];
    }
    case 0xDF: {
      constexpr Handler HANDLERS[8] = {x87_instruction<ffreep>,
                                       x87_instruction<fxch>,
                                       x87_instruction<fst<true>>,
                                       x87_instruction<fst<true>>,
                                       nullptr,
                                       with_cmov<x87_instruction<compare_to_flags<true, true>>>,
                                       with_cmov<x87_instruction<compare_to_flags<false, true>>>,
                                       nullptr};
      return HANDLERS[reg];
    }
    default:
      return nullptr;
  }
}

}  // namespace bancada
