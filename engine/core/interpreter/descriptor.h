// Segment descriptors, gates and selectors (SDM vol. 3, 3.4 and 6.11), and how they are fetched.
#pragma once

#include <cstdint>

#include "interpreter.h"

namespace bancada {

constexpr uint16_t SELECTOR_RPL = 3;
constexpr uint16_t SELECTOR_TI = 4;
constexpr uint16_t SELECTOR_INDEX_TI = 0xFFFC;  // what stands in error codes

// Types of system descriptors, SDM table 3-2.
enum SystemType : uint8_t {
  TYPE_TSS_16 = 1,
  TYPE_LDT = 2,
  TYPE_TSS_16_BUSY = 3,
  TYPE_CALL_GATE_16 = 4,
  TYPE_TASK_GATE = 5,
  TYPE_INTERRUPT_GATE_16 = 6,
  TYPE_TRAP_GATE_16 = 7,
  TYPE_TSS_32 = 9,
  TYPE_TSS_32_BUSY = 11,
  TYPE_CALL_GATE_32 = 12,
  TYPE_INTERRUPT_GATE_32 = 14,
  TYPE_TRAP_GATE_32 = 15,
};
constexpr uint8_t TYPE_BUSY_BIT = 2;
constexpr uint8_t TYPE_WIDE_BIT = 8;  // 32-bit TSS or gate

struct Descriptor {
  uint32_t low = 0, high = 0;
  uint32_t linear = 0;  // where it was read

  uint16_t access() const { return static_cast<uint16_t>(((high >> 8) & 0xFF) | ((high >> 12) & 0xF00)); }
  uint32_t base() const { return (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF000000); }
  uint32_t limit() const {
    const uint32_t raw = (low & 0xFFFF) | (high & 0xF0000);
    return (access() & ACCESS_G) ? (raw << 12) | 0xFFF : raw;
  }
  uint8_t dpl() const { return static_cast<uint8_t>((high >> 13) & 3); }
  bool present() const { return (access() & ACCESS_PRESENT) != 0; }
  bool is_system() const { return (access() & ACCESS_S) == 0; }
  uint8_t type() const { return static_cast<uint8_t>(access() & ACCESS_TYPE); }  // SystemType of a system descriptor
  bool is_code() const { return (access() & (ACCESS_S | ACCESS_CODE)) == (ACCESS_S | ACCESS_CODE); }
  bool is_data() const { return (access() & (ACCESS_S | ACCESS_CODE)) == ACCESS_S; }
  bool is_writable_data() const { return is_data() && (access() & ACCESS_WRITABLE); }
  bool is_readable() const { return is_data() || (is_code() && (access() & ACCESS_WRITABLE)); }
  bool is_conforming() const { return is_code() && (access() & ACCESS_EXPAND_DOWN); }
  bool is_tss() const { return is_system() && (type() & 5) == 1; }
  bool is_available_tss() const { return is_tss() && !(type() & TYPE_BUSY_BIT); }

  // Gates.
  uint16_t gate_selector() const { return static_cast<uint16_t>(low >> 16); }
  bool is_wide() const { return (type() & TYPE_WIDE_BIT) != 0; }
  uint32_t gate_offset() const { return is_wide() ? (high & 0xFFFF0000) | (low & 0xFFFF) : low & 0xFFFF; }
  uint32_t parameter_count() const { return high & 0x1F; }

  Segment segment(uint16_t selector) const {
    Segment result;
    result.selector = selector;
    result.access = access();
    result.base = base();
    result.limit = limit();
    result.update_spans();
    return result;
  }
};

inline bool is_null(uint16_t selector) {
  return (selector & SELECTOR_INDEX_TI) == 0;
}

// A segment register that holds a null selector: every access faults.
inline Segment null_segment(uint16_t selector) {
  Segment result;
  result.selector = selector;
  return result;
}

// Loads as real mode does: the base follows the selector, the limit stays (which makes "unreal" mode).
inline void load_real_segment(Segment& segment, uint16_t selector) {
  segment.selector = selector;
  segment.base = uint32_t{selector} << 4;
  segment.access = static_cast<uint16_t>((segment.access & (ACCESS_DB | ACCESS_G | ACCESS_AVL)) | ACCESS_PRESENT |
                                         ACCESS_S | ACCESS_WRITABLE | ACCESS_ACCESSED);
  segment.update_spans();
}

inline Segment v86_segment(uint16_t selector) {
  Segment result;
  result.selector = selector;
  result.base = uint32_t{selector} << 4;
  result.limit = 0xFFFF;
  result.access = ACCESS_PRESENT | ACCESS_DPL | ACCESS_S | ACCESS_WRITABLE | ACCESS_ACCESSED;
  result.update_spans();
  return result;
}

// False when the selector's index lies outside its table, or the LDT is not there.
bool try_fetch_descriptor(Interpreter& cpu, uint16_t selector, Descriptor& descriptor);
// Faults with `vector`(selector) then.
Descriptor fetch_descriptor(Interpreter& cpu, uint16_t selector, Vector vector);
// Sets the accessed bit of a code or data descriptor, in memory too.
void mark_accessed(Interpreter& cpu, Descriptor& descriptor);
// The two checks every load of SS shares (SDM: type and DPL before presence): the vector differs by cause.
Segment checked_stack_segment(Interpreter& cpu, uint16_t selector, uint8_t cpl, Vector vector);

// A stack that is written before it becomes the current one, so that a fault leaves SS:ESP alone.
class StackWriter {
 public:
  // `user`: pages are checked as for CPL 3. `error_code` of #SS when the stack is too small.
  StackWriter(Interpreter& cpu, const Segment& ss, uint32_t esp, bool user, uint16_t error_code)
      : cpu_(cpu), ss_(ss), esp_(esp), mask_(ss.is_big() ? 0xFFFFFFFF : 0xFFFF), user_(user), error_code_(error_code) {}
  // The current stack.
  explicit StackWriter(Interpreter& cpu)
      : StackWriter(cpu, cpu.state_.seg[SS], cpu.state_.gpr[ESP], cpu.state_.cpl == 3, 0) {}

  void push(uint32_t value, int size);
  uint32_t esp() const { return esp_; }

 private:
  Interpreter& cpu_;
  Segment ss_;
  uint32_t esp_, mask_;
  bool user_;
  uint16_t error_code_;
};

// SS:ESP for an inner privilege level, from the current TSS (SDM 5.8.5). Faults with #TS or #SS.
struct InnerStack {
  Segment ss;
  uint32_t esp;
};
InnerStack inner_stack(Interpreter& cpu, uint8_t new_cpl);

}  // namespace bancada
