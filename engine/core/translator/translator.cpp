#include "translator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "../interpreter/block_cache.h"
#include "../interpreter/dispatch.h"
#include "../interpreter/interpreter.h"
#include "../interpreter/lazy_flags.h"
#include "block_translator.h"
#include "code_writer.h"

namespace bancada {

namespace {

Block* block_of(const Op* first) {
  return reinterpret_cast<Block*>(const_cast<Op*>(first)) - 1;
}

// Both halves of EIP: kernels and programs are larger than 64 KiB. The same as in Translator::write_jump_by_table().
uint32_t jump_slot(uint32_t eip) {
  return (eip + (eip >> 16)) & 0xFFFF;
}

uint64_t call_interpreter(Interpreter* cpu, const Op* pair) {
  return cpu->translator()->call(pair);
}

uint64_t bring_x87_in(Interpreter* cpu, const Op*) {
  return cpu->translator()->bring_x87();
}

uint64_t bring_sse_in(Interpreter* cpu, const Op*) {
  return cpu->translator()->bring_sse();
}

// What FNSAVE writes in 32-bit protected mode, SDM vol. 1, figures 8-9 and 8-11.
struct __attribute__((packed)) X87Image {
  uint32_t control, status, tags, ip, cs_opcode, dp, ds;
  struct __attribute__((packed)) {
    uint64_t significand;
    uint16_t sign_exponent;
  } st[8];
};
static_assert(sizeof(X87Image) == 108);

}  // namespace

const Op* op_call_end(Interpreter& cpu, const Op*) {
  cpu.translator()->call_ended();
  return nullptr;
}

const Op* op_warm(Interpreter& cpu, const Op* op) {
  return cpu.translator()->warm(op);
}

const Op* op_resting(Interpreter& cpu, const Op* op) {
  return cpu.translator()->rest(op);
}

const Op* op_translated(Interpreter& cpu, const Op* op) {
  return cpu.translator()->enter(op);
}

bool Translator::is_supported() {
#if defined(__x86_64__) && defined(__linux__)
  return __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

Translator::Translator(Interpreter& cpu, uint32_t heat, WindowPolicy windows)
    : cpu_(cpu), heat_(heat), windows_(cpu, windows) {
  const auto reserve = [](size_t bytes, int protection) {
    void* memory = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      throw HostMemoryError("The host does not give memory for translated code: " + std::string(std::strerror(errno)) +
                            ".");
    }
    return static_cast<uint8_t*>(memory);
  };
  call_stack_ = reserve(CALL_STACK_BYTES, PROT_READ | PROT_WRITE);
  try {
    code_ = reserve(CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
  } catch (...) {
    munmap(call_stack_, CALL_STACK_BYTES);
    throw;
  }
  const auto inside = reinterpret_cast<uintptr_t>(&cpu_.state_);
  anchor_ = reinterpret_cast<uint8_t*>((inside & ~uintptr_t{63}) + 64 + 44);
  forget_jumps();
  write_trampolines();
}

Translator::~Translator() {
  munmap(code_, CODE_BYTES);
  munmap(call_stack_, CALL_STACK_BYTES);
}

uint8_t* Translator::write_jump_by_table(CodeWriter& code) const {
  const auto place = [this](const void* member) {
    return HostMemory{R15, HostMemory::NONE, 0,
                      static_cast<int32_t>(reinterpret_cast<const uint8_t*>(member) - anchor_)};
  };
  code.rorx(R9, R8, 16);
  code.lea(R9, {R9, R8, 0, 0});
  code.zero_extend16(R9, R9);
  HostMemory slot = place(cpu_.translator_frame_.jump_keys);
  slot.index = R9;
  slot.scale = 3;
  code.load(RCX, slot, 8);
  code.load(R10, place(&cpu_.translator_frame_.context), 8);
  code.lea(RCX, {RCX, R8, 0, 0}, 8);
  code.lea(RCX, {RCX, R10, 0, 0}, 8);
  uint8_t* const known = code.jrcxz();
  uint8_t* const miss = code.jump();
  code.land(known);
  slot.displacement = place(cpu_.translator_frame_.jump_codes).displacement;
  code.with_memory(0, 0xFF, 4, 4, slot);  // JMP
  return miss;
}

// -- Into host code and out of it ------------------------------------------------------------------------------

void Translator::write_trampolines() {
  CodeWriter code(code_, code_ + 4096);
  const auto place = [this](const void* member) {
    return HostMemory{R15, HostMemory::NONE, 0,
                      static_cast<int32_t>(reinterpret_cast<const uint8_t*>(member) - anchor_)};
  };
  TranslatorFrame& frame = cpu_.translator_frame_;
  const auto load_guest = [&] {
    code.with_memory(1, 0xB7, 4, RAX, place(&frame.flags));
    code.byte(0x04);  // ADD AL, 7Fh: 1 + 7Fh overflows
    code.byte(0x7F);
    code.byte(0x9E);  // SAHF
    for (int i = 0; i < 8; ++i) code.load(BlockTranslator::HOST_OF[i], place(&cpu_.state_.gpr[static_cast<size_t>(i)]));
  };
  const auto store_guest = [&] {
    for (int i = 0; i < 8; ++i) {
      code.store(place(&cpu_.state_.gpr[static_cast<size_t>(i)]), BlockTranslator::HOST_OF[i]);
    }
    code.byte(0x9F);                         // LAHF
    code.with_register(1, 0x90, 1, 0, RAX);  // SETO AL
    code.store(place(&frame.flags), RAX, 2);
    code.store(place(&frame.left), R13, 8);
    code.load_byte(RCX, place(&frame.sse_away));
    uint8_t* const here = code.jrcxz();
    uint8_t* const away = code.jump_short();
    code.land(here);
    for (int i = 0; i < 8; ++i) {
      code.with_memory(1, 0x11, 4, i, place(&cpu_.state_.xmm[static_cast<size_t>(i)]));  // MOVUPS
    }
    code.with_memory(1, 0xAE, 4, 3, place(&cpu_.state_.mxcsr));  // STMXCSR
    code.with_memory(1, 0xAE, 4, 2, place(&frame.host_mxcsr));   // LDMXCSR
    code.with_memory(0, 0xC6, 1, 0, place(&frame.sse_away));
    code.byte(1);
    code.land(away);
  };
  // With 0 in rcx.
  const auto load_vectors = [&] {
    uint8_t* const come = code.jrcxz();
    uint8_t* const stay = code.jump_short();
    code.land(come);
    for (int i = 0; i < 8; ++i) {
      code.with_memory(1, 0x10, 4, i, place(&cpu_.state_.xmm[static_cast<size_t>(i)]));  // MOVUPS
    }
    code.with_memory(1, 0xAE, 4, 2, place(&cpu_.state_.mxcsr));  // LDMXCSR
    code.land(stay);
  };
  static constexpr int SAVED[] = {RBX, RBP, R12, R13, R14, R15};
  const auto return_to_host = [&] {
    code.load(RSP, place(&frame.host_stack), 8);
    code.lea(RSP, {RSP, HostMemory::NONE, 0, 8}, 8);
    for (int i = 5; i >= 0; --i) {
      if (SAVED[i] >= 8) code.byte(0x41);
      code.byte(static_cast<uint8_t>(0x58 | (SAVED[i] & 7)));
    }
    code.byte(0xC3);
  };

  // void enter(anchor, code)
  enter_code_ = code.at();
  for (const int reg : SAVED) {
    if (reg >= 8) code.byte(0x41);
    code.byte(static_cast<uint8_t>(0x50 | (reg & 7)));
  }
  code.lea(RSP, {RSP, HostMemory::NONE, 0, -8}, 8);
  code.move64(R15, RDI);
  code.move64(R10, RSI);
  code.load(R13, place(&frame.left), 8);
  code.load(R14, place(&frame.table), 8);
  code.store(place(&frame.host_stack), RSP, 8);
  code.load(RSP, place(&frame.call_stack), 8);
  load_guest();
  code.with_register(0, 0xFF, 4, 4, R10);  // JMP R10

  leave_code_ = code.at();
  store_guest();
  code.store(place(&frame.exit), R9, 8);
  code.store(place(&frame.eip), R8);
  return_to_host();

  leave_bare_code_ = code.at();
  return_to_host();

  // They come back with 0 in rcx when the translation goes on. The first is called with the pair in r9.
  const auto write_call = [&](uint64_t (*function)(Interpreter*, const Op*), bool vectors) {
    uint8_t* const at = code.at();
    store_guest();
    code.move64(RBX, RSP);
    code.load(RSP, place(&frame.host_stack), 8);
    code.move_constant64(RDI, reinterpret_cast<uint64_t>(&cpu_));
    code.move64(RSI, R9);
    code.move_constant64(RAX, reinterpret_cast<uint64_t>(function));
    code.with_register(0, 0xFF, 4, 2, RAX);  // CALL RAX
    code.move64(RSP, RBX);
    code.move64(RCX, RAX);
    if (vectors) load_vectors();
    code.load(R13, place(&frame.left), 8);
    load_guest();
    code.byte(0xC3);
    return at;
  };
  call_code_ = write_call(&call_interpreter, false);
  bring_x87_code_ = write_call(&bring_x87_in, false);
  bring_sse_code_ = write_call(&bring_sse_in, true);

  // A return to where no call came from that is known here. The first is what lies at the stack's beginning.
  const uint8_t* const no_call_code = code.at();
  code.lea(RSP, {RSP, HostMemory::NONE, 0, -8}, 8);
  by_table_code_ = code.at();
  uint8_t* const miss = write_jump_by_table(code);
  CodeWriter::aim(miss, code.at());
  code.move_constant64(R9, reinterpret_cast<uint64_t>(&return_exit_));
  code.jump(leave_code_);

  uint8_t* const bottom = call_stack_ + CALL_STACK_BYTES - 64;
  std::memcpy(bottom, &no_call_code, sizeof no_call_code);
  frame.call_stack = reinterpret_cast<uint64_t>(bottom);

  next_ = first_free_ = code.at();
}

void Translator::forget_jumps() {
  TranslatorFrame& frame = cpu_.translator_frame_;
  std::fill_n(frame.jump_keys, TranslatorFrame::JUMPS, uint64_t{0});
}

void Translator::take_flags(uint32_t clear) {
  const uint16_t flags = cpu_.translator_frame_.flags;
  const uint32_t low = flags >> 8 & (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF);
  cpu_.set_status_flags((low | (flags & 1 ? FLAG_OF : 0)) & ~clear);
}

void Translator::give_flags() {
  const uint32_t flags = status_flags(cpu_);
  cpu_.translator_frame_.flags = static_cast<uint16_t>((flags & 0xFF) << 8 | (flags & FLAG_OF ? 1 : 0));
}

// -- x87 ------------------------------------------------------------------------------------------------------------

uint32_t Translator::x87_record(const X87Record& record) {
  x87_records_.push_back(record);
  return static_cast<uint32_t>(x87_records_.size() - 1);
}

uint64_t Translator::bring_x87() {
  const CpuState& state = cpu_.state_;
  const X87State& x87 = state.x87;
  constexpr uint32_t ALL_MASKED = 0x3F, SUMMARY = 0x80;
  if ((state.cr0 & (CR0_EM | CR0_TS)) || (x87.control & ALL_MASKED) != ALL_MASKED || (x87.status & SUMMARY)) return 1;
  X87Image image{};
  image.control = x87.control;
  image.status = x87.status | static_cast<uint32_t>(x87.top) << 11;
  for (unsigned i = 0; i < 8; ++i) {
    if ((x87.tag_empty >> i) & 1) image.tags |= 3u << (2 * i);
    const Float80& from = x87.st[(x87.top + i) & 7];
    image.st[i] = {from.significand, from.sign_exponent};
  }
  asm volatile("frstor %0" : : "m"(image));
  cpu_.translator_frame_.x87_away = 0;
  cpu_.translator_frame_.x87_last = cpu_.translator_frame_.x87_last_memory = 0;
  return 0;
}

void Translator::put_x87_back() {
  TranslatorFrame& frame = cpu_.translator_frame_;
  if (frame.x87_away != 0) return;
  frame.x87_away = 1;
  X87Image image;
  asm volatile("fnsave %0" : "=m"(image));
  X87State& x87 = cpu_.state_.x87;
  x87.control = static_cast<uint16_t>(image.control);
  x87.top = image.status >> 11 & 7;
  x87.status = static_cast<uint16_t>(image.status & ~0x3800u);
  x87.tag_empty = 0;
  for (unsigned i = 0; i < 8; ++i) {
    if ((image.tags >> (2 * i) & 3) == 3) x87.tag_empty = static_cast<uint8_t>(x87.tag_empty | 1u << i);
    Float80& to = x87.st[(x87.top + i) & 7];
    to.significand = image.st[i].significand;
    to.sign_exponent = image.st[i].sign_exponent;
  }
  if (frame.x87_last != 0) {
    const X87Record& last = x87_records_[frame.x87_last];
    x87.last_ip = last.eip;
    x87.last_cs = cpu_.state_.seg[CS].selector;
    x87.last_opcode = last.opcode;
  }
  if (frame.x87_last_memory != 0) {
    const Segment& segment = cpu_.state_.seg[x87_records_[frame.x87_last_memory].segment];
    x87.last_dp = frame.x87_operand - segment.base;
    x87.last_ds = segment.selector;
  }
}

// -- SSE ------------------------------------------------------------------------------------------------------------

uint64_t Translator::bring_sse() {
  const CpuState& state = cpu_.state_;
  constexpr uint32_t ALL_MASKED = 0x1F80, RESERVED = 0xFFFF0000;
  if ((state.cr0 & (CR0_EM | CR0_TS)) || !(state.cr4 & CR4_OSFXSR)) return 1;
  if ((state.mxcsr & (ALL_MASKED | RESERVED)) != ALL_MASKED) return 1;
  cpu_.translator_frame_.sse_away = 0;
  return 0;
}

// -- Crash reports --------------------------------------------------------------------------------------------------

bool Translator::put_registers_back(const HostFaultFacts& facts) {
  TranslatorFrame& frame = cpu_.translator_frame_;
  frame.x87_away = frame.sse_away = 1;
  const auto* at = reinterpret_cast<const uint8_t*>(facts.instruction);
  if (at < first_free_ || at >= next_) return false;
  for (size_t i = 0; i < 8; ++i) {
    cpu_.state_.gpr[i] = static_cast<uint32_t>(facts.registers[BlockTranslator::HOST_OF[i]]);
  }
  const Translation* const inside = translation_at(at);
  if (inside == nullptr) return false;
  cpu_.state_.eip = inside->eip;
  frame.left = facts.registers[R13];
  cpu_.retired_base_ = frame.retired();
  return true;
}

// The one whose code begins last before it. They are in the order of their code.
Translation* Translator::translation_at(const uint8_t* code) const {
  if (code < first_free_ || code >= next_) return nullptr;
  const auto after =
      std::upper_bound(translations_.begin(), translations_.end(), code,
                       [](const uint8_t* at, const std::unique_ptr<Translation>& one) { return at < one->code; });
  return after == translations_.begin() ? nullptr : std::prev(after)->get();
}

// -- Windows ---------------------------------------------------------------------------------------------------------

void Translator::use_window([[maybe_unused]] uint8_t* base) {
  if (base == window_base_) return;
  window_base_ = base;
#if defined(__x86_64__)
  if (base != nullptr) asm volatile("wrgsbase %0" : : "r"(base));
#endif
}

// In the signal handler; but the fault came from translated code, which is in the middle of nothing of the host's, so
// that memory may be asked for.
bool Translator::mend(const HostFaultFacts& facts, uint64_t& instruction, uint64_t& r9) {
  if (facts.signal != SIGSEGV) return false;
  const auto* const at = reinterpret_cast<const uint8_t*>(facts.instruction);
  Translation* const inside = translation_at(at);
  if (inside == nullptr) return false;
  const auto after =
      std::upper_bound(inside->sites.begin(), inside->sites.end(), at,
                       [](const uint8_t* code, const Translation::Site& one) { return code < one.code; });
  if (after == inside->sites.begin()) return false;
  // Operands of SSE instructions that are not aligned: a general-protection fault, which comes with no address.
  const bool no_address = facts.address == 0;
  if (!no_address) {
    if (!windows_.covers(facts.address)) return false;
    const Windows::Answer answer = windows_.map(facts.address, facts.store);
    if (answer == Windows::Answer::mapped) return true;
    if (answer == Windows::Answer::unfit) ++inside->unfit_faults;
  }
  ++counters_.window_bails;
  instruction = reinterpret_cast<uint64_t>(leave_code_);
  r9 = reinterpret_cast<uint64_t>(std::prev(after)->exit);
  return true;
}

std::string Translator::entered_last() const {
  std::string text;
  for (uint32_t i = 1; i <= entered_.size(); ++i) {
    char one[12];
    std::snprintf(one, sizeof one, "%08Xh ", entered_[(entered_next_ - i) % entered_.size()]);
    text += one;
  }
  text.pop_back();
  return text;
}

// -- Contexts ------------------------------------------------------------------------------------------------------

uint32_t Translator::segment_kinds() {
  const auto kind = [](uint64_t span, uint32_t base) {
    if (span > 0xFFFFFFFF) return base == 0 ? SegmentKind::flat : SegmentKind::whole;
    return span >= 0x10000 ? SegmentKind::small : SegmentKind::checked;
  };
  uint32_t kinds = cpu_.stack_mask_ == 0xFFFFFFFF ? KINDS_STACK32 : 0;
  if (cpu_.state_.eflags & FLAG_DF) kinds |= KINDS_BACKWARD;
  for (unsigned i = ES; i <= DS; ++i) {
    const Segment& segment = cpu_.state_.seg[i];
    uint64_t span = std::min(segment.read_span, segment.write_span);
    if (i == CS) {
      span = cpu_.code_span_ == 0x10000 || cpu_.code_span_ > 0xFFFFFFFF ? cpu_.code_span_ : 0;
      if (segment.read_span == span) kinds |= KINDS_CS_READABLE;
    }
    kinds |= static_cast<uint32_t>(kind(span, segment.base)) << (i * 2);
  }
  // Kernels run with what programs have in FS and GS, and seldom use it: beside a whole CS they are taken for whole,
  // and looked at where they are used.
  const bool whole_code = segment_kind(kinds, CS) >= SegmentKind::whole;
  for (unsigned i = FS; i <= GS; ++i) {
    const Segment& segment = cpu_.state_.seg[i];
    const SegmentKind actual = kind(std::min(segment.read_span, segment.write_span), segment.base);
    cpu_.translator_frame_.odd_segment[i - FS] = whole_code && actual < SegmentKind::whole;
    kinds |= static_cast<uint32_t>(whole_code ? SegmentKind::whole : actual) << (i * 2);
  }
  return kinds;
}

void Translator::look_at_context() {
  const bool backward = cpu_.state_.eflags & FLAG_DF;
  if (!context_is_stale_ && backward == ((kinds_ & KINDS_BACKWARD) != 0)) return;
  context_is_stale_ = false;
  kinds_ = segment_kinds();
  if (uint8_t* const window = windows_.select(); window != nullptr) {
    kinds_ |= KINDS_WINDOW;
    use_window(window);
  }
  const ContextKey key{cpu_.fetch_context_, cpu_.state_.seg[CS].base, kinds_};
  const uint32_t slot = (key.fetch_context * 7 ^ key.base >> 4 ^ key.kinds) % CONTEXTS;
  Context& context = contexts_[slot];
  if (context.number == 0 || context.key != key) {
    forget_links_of(slot);
    context = {key, next_context_};
    if (++next_context_ == 0) {
      std::memset(contexts_, 0, sizeof contexts_);
      for (uint32_t other = 0; other < CONTEXTS; ++other) forget_links_of(other);
      forget_jumps();
      context = {key, 1};
      next_context_ = 2;
    }
  }
  cpu_.translator_frame_.context = static_cast<uint64_t>(context.number) << 32;
  cpu_.translator_frame_.context_bit = uint64_t{1} << slot;
}

// -- Links ---------------------------------------------------------------------------------------------------------

void Translator::link(const TranslationExit& exit, Translation& to) {
  ++counters_.links;
  CodeWriter::aim(exit.site, to.code);
  to.links_here.push_back({exit.site, exit.unlinked});
}

// A link to another page is right in the current context, too; or only there, when the others have something else.
void Translator::link_in_context(TranslationExit& exit, Translation& to) {
  uint64_t slots;
  std::memcpy(&slots, exit.contexts, sizeof slots);
  if (const uint8_t* const aimed_at = CodeWriter::aimed_at(exit.site); aimed_at != to.code) {
    if (aimed_at != exit.unlinked && ++exit.changes >= MOST_CHANGES) {
      CodeWriter::aim(exit.unknown, by_table_code_);
      return;
    }
    slots = 0;
    link(exit, to);
  }
  const uint64_t current = cpu_.translator_frame_.context_bit;
  slots |= current;
  std::memcpy(exit.contexts, &slots, sizeof slots);
  links_of_[std::countr_zero(current)].push_back(exit.contexts);
}

// The slot is another context's from now on.
void Translator::forget_links_of(uint32_t slot) {
  for (uint8_t* const contexts : links_of_[slot]) {
    uint64_t slots;
    std::memcpy(&slots, contexts, sizeof slots);
    slots &= ~(uint64_t{1} << slot);
    std::memcpy(contexts, &slots, sizeof slots);
  }
  links_of_[slot].clear();
}

// -- Blocks ----------------------------------------------------------------------------------------------------------

void Translator::block_decoded(Block* block) {
  block->first = block->ops[0].fn;
  block->ops[0].fn = op_warm;
  block->heat = 0;
  block->translation = nullptr;
}

void Translator::block_dropped(Block* block) {
  if (block->translation == nullptr) return;
  block->back_off = static_cast<uint8_t>(std::min<uint32_t>(block->back_off + 1u, MOST_BACK_OFF));
  for (Translation* one = block->translation; one != nullptr; one = one->next) cut_off(*one);
  block->translation = nullptr;
}

// Nothing enters it any more. It stays in memory: it may be running.
void Translator::cut_off(Translation& translation) {
  ++counters_.drops;
  for (const Translation::Link& link : translation.links_here) CodeWriter::aim(link.site, link.unlinked);
  translation.links_here.clear();
  translation.code[0] = 0xE9;
  CodeWriter::aim(translation.code + 1, translation.gone);
}

// The block's translation for an EIP and what is the case now. It becomes the first.
Translation* Translator::fitting(Block* block, uint32_t eip) {
  Translation* before = nullptr;
  for (Translation* one = block->translation; one != nullptr; before = one, one = one->next) {
    if (one->eip != eip || one->kinds != kinds_) continue;
    if (before != nullptr) {
      before->next = one->next;
      one->next = block->translation;
      block->translation = one;
    }
    return one;
  }
  return nullptr;
}

void Translator::all_blocks_dropped() {
  for (const std::unique_ptr<Translation>& translation : translations_) {
    if (translation->block != nullptr) translation->block->translation = nullptr;
  }
  drop_all_code();
}

void Translator::drop_all_code() {
  for (const std::unique_ptr<Translation>& translation : translations_) {
    Block* const block = translation->block;
    if (block->translation == nullptr) continue;
    block->translation = nullptr;
    if (block->live) block->ops[0].fn = op_warm;
    block->heat = 0;
  }
  translations_.clear();
  for (std::vector<uint8_t*>& links : links_of_) links.clear();
  x87_records_.resize(1);
  forget_jumps();
  next_ = first_free_;
  ++counters_.flushes;
}

// Code that changes again and again has to be entered more often, and so has code that has many translations: most ways
// to a library are those of processes that do not live long.
uint32_t Translator::heat_for(const Block& block) const {
  if (every_block()) return EVERY_BLOCK;
  uint32_t times = 1;
  for (const Translation* one = block.translation; one != nullptr; one = one->next) ++times;
  return heat_ * times << block.back_off;
}

const Op* Translator::warm(const Op* op) {
  Block* const block = block_of(op);
  if (++block->heat < heat_for(*block)) return block->first(cpu_, op);
  block->heat = 0;
  look_at_context();
  if (segment_kind(kinds_, CS) == SegmentKind::checked || translate(block) == nullptr) return block->first(cpu_, op);
  return enter(op);
}

Translation* Translator::translate(Block* block) {
  if (static_cast<size_t>(code_ + CODE_BYTES - next_) < MOST_BLOCK_BYTES) drop_all_code();
  auto translation = std::make_unique<Translation>();
  translation->block = block;
  translation->eip = cpu_.block_eip_;
  translation->kinds = kinds_;
  translation->count = block->count;
  CodeWriter code(next_, next_ + MOST_BLOCK_BYTES);
  BlockTranslator(*this, *translation, code).write();
  const size_t cost = translation->calls.size() * COST_OF_CALL + (translation->leaves ? COST_OF_LEAVING : 0);
  if (code.full() || (block->count <= cost && !every_block())) {
    block->back_off = MOST_BACK_OFF;
    return nullptr;
  }
  ++counters_.translations;
  counters_.bytes += static_cast<uint64_t>(code.at() - next_);
  next_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(code.at()) + 15) & ~uintptr_t{15});
  translation->next = block->translation;
  block->translation = translation.get();
  block->ops[0].fn = op_translated;
  uint32_t others = 0;
  for (Translation* one = translation.get(); one->next != nullptr; one = one->next) {
    if (++others < MOST_FOR_BLOCK) continue;
    cut_off(*one->next);  // the last: there is never more than one too many
    one->next = nullptr;
    break;
  }
  translations_.push_back(std::move(translation));
  return block->translation;
}

// The translation at `eip` in the current context, if the way there is known.
Translation* Translator::find(uint32_t eip) {
  const uint32_t linear = cpu_.state_.seg[CS].base + eip;
  const Interpreter::JumpEntry& entry = cpu_.jumps_[jump_index(linear)];
  if (entry.key != (linear | static_cast<uint64_t>(cpu_.fetch_context_) << 32)) return nullptr;
  Translation* const translation = fitting(entry.block, eip);
  if (translation == nullptr) return nullptr;
  return static_cast<uint64_t>(eip) + entry.block->length <= cpu_.code_span_ ? translation : nullptr;
}

void Translator::do_without_window(Block& block) {
  if (block.no_window || !block.live) return;
  block.no_window = true;
  const uint8_t back_off = block.back_off;
  block_dropped(&block);
  block.back_off = back_off;
  block.ops[0].fn = op_warm;
  block.heat = 0;
}

void Translator::stayed(Block* block, uint64_t instructions) {
  Translation* const translation = block->translation;
  if (translation == nullptr) return;  // gone meanwhile
  if (instructions >= SHORT_STAY || every_block()) {
    translation->short_stays /= 2;
  } else if (++translation->short_stays >= MOST_SHORT_STAYS && block->ops[0].fn == op_translated) {
    block->ops[0].fn = op_resting;
    block->heat = 0;
  }
}

const Op* Translator::rest(const Op* first) {
  Block* const block = block_of(first);
  if (++block->heat < REST) return block->first(cpu_, first);
  block->heat = 0;
  if (block->translation == nullptr) {
    block->ops[0].fn = op_warm;
    return block->first(cpu_, first);
  }
  block->translation->short_stays = 0;
  block->ops[0].fn = op_translated;
  return enter(first);
}

const Op* Translator::enter(const Op* first) {
  look_at_context();
  Block* const block = block_of(first);
  const Translation* target = fitting(block, cpu_.block_eip_);
  if (target == nullptr) {
    // The same bytes by another way. When it is gone often, they are translated for it, too.
    if (++block->heat < heat_ || block->heat < heat_for(*block) || segment_kind(kinds_, CS) == SegmentKind::checked) {
      return block->first(cpu_, first);
    }
    block->heat = 0;
    target = translate(block);
    if (target == nullptr) return block->first(cpu_, first);
  }
  entered_[entered_next_++ % entered_.size()] = cpu_.block_eip_;
  TranslatorFrame& frame = cpu_.translator_frame_;
  const uint64_t start = cpu_.retired_base_;
  const uint64_t room = cpu_.limit_ > cpu_.retired_base_ ? cpu_.limit_ - cpu_.retired_base_ : 0;
  frame.begin(cpu_.retired_base_, std::min(room, MOST_LEFT));
  frame.table = reinterpret_cast<uint64_t>(pages_.table(cpu_.tlb_set_)) + 32;
  give_flags();
  const auto run = reinterpret_cast<void (*)(uint8_t*, const uint8_t*)>(enter_code_);
  for (;;) {
    ++counters_.entries;
    run(anchor_, target->code);
    auto* const exit = static_cast<TranslationExit*>(frame.exit);
    const uint64_t retired = frame.retired();
    using Kind = TranslationExit::Kind;
    const bool goes_on = exit->kind == Kind::jump || exit->kind == Kind::link || exit->kind == Kind::link_in_context ||
                         exit->kind == Kind::budget;
    if (exit->x87_last != 0) frame.x87_last = exit->x87_last;
    if (exit->x87_last_memory != 0) frame.x87_last_memory = exit->x87_last_memory;
    if (!goes_on) put_x87_back();
    switch (exit->kind) {
      case Kind::instruction: {
        ++counters_.bails;
        take_flags(exit->clear);
        const Op* const op = exit->op;
        if (exit->from->unfit_faults >= MOST_UNFIT_FAULTS) do_without_window(*exit->from->block);
        stayed(block, retired - exit->from->count + op->position - start);
        cpu_.retired_base_ = retired - exit->from->count;
        cpu_.block_eip_ = exit->from->eip;
        cpu_.current_ = op;
        return op == exit->from->block->ops ? exit->from->block->first(cpu_, op) : op->fn(cpu_, op);
      }
      case Kind::after_call:
        cpu_.current_ = exit->op;
        return exit->op->fn(cpu_, exit->op);
      case Kind::left_block:
        return nullptr;
      case Kind::budget:
        if (!cpu_.attention() && !context_is_stale_ && cpu_.limit_ >= retired + exit->from->count &&
            exit->from->block->live && exit->from->kinds == kinds_) {
          // It was only this long that nobody looked.
          cpu_.retired_base_ = retired;
          frame.begin(retired, std::min(cpu_.limit_ - retired, MOST_LEFT));
          target = exit->from;
          continue;
        }
        put_x87_back();
        take_flags(exit->clear);
        cpu_.retired_base_ = retired;
        cpu_.state_.eip = exit->from->eip;
        cpu_.be_idle();
        return nullptr;
      case Kind::jump:
      case Kind::link:
      case Kind::link_in_context:
        break;
    }
    cpu_.retired_base_ = retired;
    Translation* const found = cpu_.attention() ? nullptr : find(frame.eip);
    target = found;
    if (found == nullptr) {
      stayed(block, retired - start);
      put_x87_back();
      take_flags(exit->clear);
      return go_to(cpu_, frame.eip);
    }
    if (exit->kind == Kind::link) {
      link(*exit, *found);
    } else if (exit->kind == Kind::link_in_context) {
      link_in_context(*exit, *found);
    } else {
      ++counters_.jumps;
      frame.jump_keys[jump_slot(frame.eip)] = ~(frame.eip + frame.context) + 1;
      frame.jump_codes[jump_slot(frame.eip)] = target->code;
    }
  }
}

uint64_t Translator::call(const Op* pair) {
  ++counters_.calls;
  put_x87_back();
  TranslatorFrame& frame = cpu_.translator_frame_;
  const auto* translation = static_cast<const Translation*>(pair[1].extra);
  take_flags(pair[1].imm);
  const uint64_t start = frame.retired() - translation->count;
  const uint64_t limit = cpu_.limit_;
  const uint32_t context = cpu_.fetch_context_;
  cpu_.retired_base_ = start;
  cpu_.block_eip_ = translation->eip;
  call_ended_ = false;
  const uint64_t host_stack = frame.host_stack;  // the interpreter may go on, and enter another translation
#if defined(__OPTIMIZE__) && !defined(BANCADA_SANITIZE)
  cpu_.current_ = pair;
  pair->fn(cpu_, pair);
#else
  for (const Op* op = pair; op != nullptr;) {
    cpu_.current_ = op;
    op = op->fn(cpu_, op);
  }
#endif
  frame.host_stack = host_stack;
  if (!call_ended_) {
    call_exit_ = {TranslationExit::Kind::left_block, nullptr};
    frame.exit = &call_exit_;
    return 1;
  }
  const Block* const block = translation->block;
  const bool backward = cpu_.state_.eflags & FLAG_DF;
  if (!block->live || backward != ((translation->kinds & KINDS_BACKWARD) != 0)) {
    call_exit_ = {TranslationExit::Kind::after_call, nullptr, block->ops + pair->position + 1};
    frame.exit = &call_exit_;
    return 1;
  }
  frame.left -= cpu_.retired_base_ - start;  // repetitions count, each of them
  look_at_context();
  if (cpu_.limit_ != limit || cpu_.fetch_context_ != context) {
    // Something wants the run loop, or code is mapped anew: the next block is not begun.
    frame.begin(frame.retired(), 0);
    context_is_stale_ = true;
  }
  give_flags();
  return 0;
}

}  // namespace bancada
