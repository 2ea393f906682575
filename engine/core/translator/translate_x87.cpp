// x87 instructions, on the host's own unit (SDM vol. 1, ch. 8): 80-bit exact.
//
// The guest's registers move into the host's unit when translated code first needs them, and back before anything but
// translated code runs. They move in only while every exception is masked and none is pending: then no instruction
// can raise one.
#include "../interpreter/block_cache.h"
#include "../interpreter/interpreter.h"
#include "block_translator.h"

namespace bancada {

namespace {

struct MemoryForm {
  int size = 0;  // bytes; 0: not here
  bool store = false;
};

MemoryForm memory_form(uint8_t opcode, int extension) {
  switch (opcode) {
    case 0xD8:  // m32 real
    case 0xDA:  // m32 integer
      return {4, false};
    case 0xDC:  // m64 real
      return {8, false};
    case 0xDE:  // m16 integer
      return {2, false};
    case 0xD9:  // FLD, FST, FSTP m32
      return extension == 0                     ? MemoryForm{4, false}
             : extension == 2 || extension == 3 ? MemoryForm{4, true}
                                                : MemoryForm{};
    case 0xDB:  // FILD, FIST, FISTP m32; FLD, FSTP m80
      if (extension == 5 || extension == 7) return {10, extension == 7};
      return extension == 0                     ? MemoryForm{4, false}
             : extension == 2 || extension == 3 ? MemoryForm{4, true}
                                                : MemoryForm{};
    case 0xDD:  // FLD, FST, FSTP m64
      return extension == 0                     ? MemoryForm{8, false}
             : extension == 2 || extension == 3 ? MemoryForm{8, true}
                                                : MemoryForm{};
    default:  // DF: FILD, FIST, FISTP m16; FILD, FISTP m64
      if (extension == 5 || extension == 7) return {8, extension == 7};
      return extension == 0                     ? MemoryForm{2, false}
             : extension == 2 || extension == 3 ? MemoryForm{2, true}
                                                : MemoryForm{};
  }
}

// FNENI, FNDISI, FNCLEX, FNINIT, FNSETPM
bool is_control(const Op& op) {
  return op.opcode == 0xDB && (op.modrm & 0xF8) == 0xE0;
}

// FCMOVcc, FCOMI and kin
bool came_with_cmov(const Op& op) {
  if (op.opcode == 0xDA) return op.modrm < 0xE0;
  if (op.opcode == 0xDB) return op.modrm < 0xE0 || (op.modrm >= 0xE8 && op.modrm <= 0xF7);
  return op.opcode == 0xDF && op.modrm >= 0xE8 && op.modrm <= 0xF7;
}

}  // namespace

void BlockTranslator::need_x87() {
  if (x87_is_here_) return;
  code_.load_byte(RCX, place(&cpu_.translator_frame_.x87_away));
  uint8_t* const here = code_.jrcxz();
  code_.call(translator_.bring_x87_code_);
  uint8_t* const came = code_.jrcxz();
  jump_to_slow();
  code_.land(here);
  code_.land(came);
  x87_is_here_ = true;
  sse_is_here_ = false;  // put away when the call was made
}

// What FNSTENV will tell about the last instruction and its operand.
void BlockTranslator::remember_x87(const Op& op, bool memory) {
  const uint32_t record = translator_.x87_record(
      {translation_.eip + op.offset, static_cast<uint16_t>((op.opcode & 7) << 8 | op.modrm), op.segment});
  x87_last_ = record;
  if (!memory) return;
  x87_last_memory_ = record;
  code_.store(place(&cpu_.translator_frame_.x87_operand), R8);
}

// For who comes after this block; ways out in its middle know it themselves.
void BlockTranslator::hand_x87_records_on() {
  const auto put = [&](const uint32_t* member, uint32_t& value) {
    if (value == 0) return;
    code_.with_memory(0, 0xC7, 4, 0, place(member));
    code_.dword(value);
    value = 0;
  };
  put(&cpu_.translator_frame_.x87_last, x87_last_);
  put(&cpu_.translator_frame_.x87_last_memory, x87_last_memory_);
}

BlockTranslator::Done BlockTranslator::x87(const Op& op) {
  const int extension = op.modrm >> 3 & 7;
  if (!(op.flags & OP_MEMORY)) {
    if (is_control(op)) return Done::not_here;
    if (came_with_cmov(op) && !cpu_facts(cpu_.model_).has(FEATURE_CMOV)) return Done::not_here;
    need_x87();
    code_.byte(op.opcode);
    code_.byte(op.modrm);  // FNSTSW AX is among them: EAX is RAX
    if (op.opcode != 0xDF || op.modrm != 0xE0) remember_x87(op, false);
    return Done::yes;
  }
  if (op.opcode == 0xD9 && extension == 5) return load_x87_control(op);
  const bool stores_word = (op.opcode == 0xD9 || op.opcode == 0xDD) && extension == 7;  // FNSTCW, FNSTSW
  const MemoryForm form = stores_word ? MemoryForm{2, true} : memory_form(op.opcode, extension);
  if (form.size == 0 || !can_address(op, form.store)) return Done::not_here;
  need_x87();
  operand(op, form.size, form.store, false, true);
  code_.with_memory(0, op.opcode, 4, extension, operand_);
  if (!stores_word) remember_x87(op, true);
  return Done::yes;
}

// FLDCW: only with all exceptions masked.
BlockTranslator::Done BlockTranslator::load_x87_control(const Op& op) {
  if (!can_address(op, false)) return Done::not_here;
  need_x87();
  operand(op, 2, false);
  free_rcx();
  code_.with_memory(1, 0xB7, 4, RCX, operand_);
  code_.with_register(0, 0xF7, 4, 2, RCX);  // NOT
  code_.lea(RCX, {HostMemory::NONE, RCX, 2, 0});
  code_.with_register(1, 0xB6, 4, RCX, RCX);
  uint8_t* const masked = code_.jrcxz();
  jump_to_slow();
  code_.land(masked);
  code_.with_memory(0, 0xD9, 4, 5, operand_);
  return Done::yes;
}

}  // namespace bancada
