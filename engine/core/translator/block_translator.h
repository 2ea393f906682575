// One block of decoded guest instructions to host code.
//
// The host's instruction for a guest's is the same opcode with other registers; what memory operands need comes before
// it and leaves the flags alone. An instruction that has no translation here is called in the interpreter, or ends
// the translation when it ends its block.
#pragma once

#include <cstdint>
#include <vector>

#include "code_writer.h"
#include "translator.h"

namespace bancada {

class BlockTranslator {
 public:
  // String instructions, their opcodes for bytes.
  static constexpr uint8_t MOVS = 0xA4, CMPS = 0xA6, STOS = 0xAA, LODS = 0xAC, SCAS = 0xAE;
  // Host registers of EAX to EDI.
  static constexpr uint8_t HOST_OF[8] = {RAX, R11, RDX, RBX, R12, RBP, RSI, RDI};

  BlockTranslator(Translator& translator, Translation& translation, CodeWriter& code);
  void write();

 private:
  enum class Done : uint8_t {
    yes,
    ended,     // and nothing comes after it
    not_here,  // the interpreter has to do it
  };

  // -- Instructions: block_translator.cpp, and the translate_*.cpp
  Done instruction(const Op& op);
  Done one_byte(const Op& op);
  Done two_byte(const Op& op);
  Done arithmetic(const Op& op);
  Done arithmetic_immediate(const Op& op);
  Done same_opcode(const Op& op, int map, uint8_t opcode, bool stores, int immediate_bytes = 0);
  Done group(const Op& op, int map, uint8_t opcode, int extension, bool stores, int immediate_bytes = 0);
  Done shift(const Op& op);
  Done move_immediate(const Op& op);
  Done move_offset(const Op& op);
  Done extend(const Op& op);
  Done load_address(const Op& op);
  Done push_register(const Op& op);
  Done push_immediate(const Op& op);
  Done push_operand(const Op& op);
  Done pop_register(const Op& op);
  Done leave(const Op& op);
  Done jump_if(const Op& op);
  Done jump(const Op& op);
  Done call(const Op& op);
  Done jump_operand(const Op& op, bool call);
  Done return_near(const Op& op);
  Done loop(const Op& op);
  Done x87(const Op& op);
  Done load_x87_control(const Op& op);
  void need_x87();
  void remember_x87(const Op& op, bool memory);
  void hand_x87_records_on();
  Done string(const Op& op);
  void string_operand(const Op& op, int pointer, unsigned segment, bool store);
  void advance(const Op& op, int pointer);
  Done vector(const Op& op);
  Done store_past_caches(const Op& op);
  static bool is_vector(uint8_t opcode);  // of the two-byte map
  void need_sse();
  void call_interpreter(const Op& op);
  void leave_at(const Op& op);

  // -- Operands. `operand_` is where the last one asked for is, in the host's memory. It holds while the guest's
  // registers and RCX and R8 do.
  bool can_address(const Op& op, bool store) const;
  // Effective address, then access(). With `linear` the linear address is in R8, however it is reached.
  void operand(const Op& op, int size, bool store, bool aligned = false, bool linear = false);
  void effective_address(const Op& op, int to);  // offset in the segment
  static HostMemory guest_operand(const Op& op);
  bool is_flat(unsigned segment) const;
  // Offset in R8. `wide`: beyond FFFFh too; `aligned`: 16 bytes, the interpreter's when they are not.
  void access(unsigned segment, int size, bool store, bool wide = false, bool aligned = false);
  bool can_use_stack() const;
  void stack_operand(int below, int size, bool store);  // at ESP - below
  void free_rcx();                                      // `operand_` holds without RCX
  void may_miss();                                      // the current instruction, in the window
  void move_stack(int by);
  int register_operand(int number, int size, int scratch);  // AH to BH come in `scratch`
  void write_high(int number, int from);                    // AH to BH
  static bool is_high(int number, int size) { return size == 1 && number >= 4; }
  void push_value(int from, int size, bool constant, uint32_t value);

  // -- Flags
  static bool is_shift(const Op& op);
  static bool is_near_transfer(const Op& op);
  bool reads_flags(const Op& op) const;
  void note_flags(const Op& op, Done done);
  void define_flags();
  void clear_flags(uint32_t flags);

  // -- Ways out
  HostMemory place(const void* member) const;
  TranslationExit& make_exit(TranslationExit::Kind kind, const Op* op = nullptr);
  uint8_t* jump_to_slow();   // leaves at the current instruction; returns where the jump stands
  void go_to(uint32_t eip);  // to a block that is known now
  void jump_by_table();      // EIP in R8
  void jump_to_other_page(uint32_t eip);
  void call_and_come_back(uint32_t eip, bool constant);  // EIP in R8 when it is not constant
  bool in_same_page(uint32_t eip) const;
  uint32_t target(const Op& op) const;
  bool fits_code_segment(uint32_t eip) const;

  struct Cold {  // code that is rarely needed, written after the rest
    uint8_t* jump;
    TranslationExit* exit;
    bool has_eip;
    uint32_t eip;
  };
  void write_cold();

  Translator& translator_;
  Interpreter& cpu_;
  Translation& translation_;
  const Block& block_;
  CodeWriter& code_;
  const uint32_t kinds_;
  const bool in_window_;
  HostMemory operand_;
  const Op* current_ = nullptr;
  const uint8_t* start_ = nullptr;                  // of its host code
  uint32_t undefined_ = 0;                          // flags that the host left in a state of its own
  TranslationExit* slow_exit_ = nullptr;            // of the current instruction
  uint32_t x87_last_ = 0, x87_last_memory_ = 0;     // records, while they are not in the frame
  bool x87_is_here_ = false, sse_is_here_ = false;  // in this block, so far
  std::vector<Cold> cold_;
};

}  // namespace bancada
