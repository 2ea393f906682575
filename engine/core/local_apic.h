// The local APIC of a processor: a memory page at FEE00000h, a timer, two pins, and messages from the I/O APIC.
//
// Native because guests write EOI and often TPR on every interrupt.
//
// Source: Intel SDM vol. 3, ch. 10; an integrated APIC of version 14h with six local vector table entries. The bus
// clock of the timer is 100 MHz. There is one processor: messages to others vanish. Not modelled: SMI, INIT and
// start-up messages (to the only processor there is), the thermal and performance sources behind their entries.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "bus.h"

namespace bancada {

class Clock;

class LocalApic final : public MmioHandler, public std::enable_shared_from_this<LocalApic> {
 public:
  static constexpr uint32_t PAGE_BYTES = 0x1000;
  static constexpr uint64_t TIMER_TICK_NS = 10;

  enum Entry { TIMER, THERMAL, PERFORMANCE, LINT0, LINT1, ERROR, ENTRIES };
  // Delivery modes, in messages and in the local vector table (SDM 10.5.1, 10.6.1).
  enum Delivery : uint8_t { FIXED = 0, LOWEST_PRIORITY = 1, SMI = 2, NMI = 4, INIT = 5, START_UP = 6, EXT_INT = 7 };

  // What is saved. Times are guest nanoseconds.
  struct Registers {
    uint64_t base;  // IA32_APIC_BASE
    uint32_t id, tpr, ldr, dfr, svr, esr, icr_low, icr_high;
    uint32_t errors;  // since the last write to ESR
    std::array<uint32_t, ENTRIES> lvt;
    std::array<uint32_t, 8> isr, tmr, irr;
    uint32_t initial_count, divide;
    uint32_t count;           // the timer's count at count_since_ns
    uint64_t count_since_ns;  // count 0: it stands still
    bool lint0, lint1;        // levels of the pins
    bool ext_int;             // an ExtINT message waits for INTA
    // Nothing was programmed since RESET#: the pins are INTR and NMI, so that firmware that knows no APIC works.
    bool is_bypassed;
  };

  explicit LocalApic(Clock& clock);
  ~LocalApic() override;

  // The wires. `intr` is the processor's INTR; `end_of_interrupt` is the EOI message of a level-triggered vector.
  std::function<void(bool)> intr;
  std::function<void()> nmi;
  std::function<void(uint8_t)> end_of_interrupt;

  // Where the page is attached. Without a bus the registers answer only to read() and write().
  void attach(Bus& bus);
  void reset();  // RESET#; the pins keep their levels

  // SDM 10.4.4. False: #GP.
  bool write_base(uint64_t value);
  uint64_t base() const { return registers_.base; }
  bool is_enabled() const;

  void set_lint0(bool level);
  void set_lint1(bool level);
  // A message from an I/O APIC. False: not accepted (another destination, or switched off by software).
  bool message(uint8_t vector, uint8_t delivery, bool level, uint8_t destination, bool logical);
  // INTA: the vector taken into service, or -1: the controller behind LINT0 (or an ExtINT message) gives it.
  int acknowledge();

  uint32_t read(uint32_t offset, int size) override;
  void write(uint32_t offset, uint32_t value, int size) override;

  const Registers& registers() const { return registers_; }
  // Takes a saved state over; the caller has checked that it is possible (see is_valid).
  void load(const Registers& registers);
  static bool is_valid(const Registers& registers);

 private:
  using Bits = std::array<uint32_t, 8>;

  bool software_enabled() const;
  uint32_t priority() const;
  int deliverable() const;
  bool wants_ext_int() const;
  void drive_intr(bool anew = false);
  bool accept(uint8_t vector, bool level);
  bool is_destination(uint8_t destination, bool logical) const;
  void fire(Entry entry);
  void level_changed_lint0();
  void raise_error(uint32_t bits);
  void end_interrupt();
  void send();
  uint32_t read_register(uint32_t number);
  void write_register(uint32_t number, uint32_t value);
  void write_entry(Entry entry, uint32_t value);
  void write_spurious(uint32_t value);
  void map();

  uint64_t tick_ns() const;
  uint32_t current_count() const;
  void start_timer(uint32_t count);
  void plan_timer();
  void timer_due();

  Clock& clock_;
  Bus* bus_ = nullptr;
  Registers registers_{};
  bool intr_level_ = false;
  bool mapped_ = false;
  uint32_t mapped_at_ = 0;
  uint64_t timer_call_ = 0;  // 0: none
};

}  // namespace bancada
