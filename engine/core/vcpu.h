// What every processor offers, and the few things it asks of the machine around it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "cpu_state.h"
#include "host_fault_guard.h"

namespace bancada {

class PhysicalMemory;
class Bus;
class Clock;
class LocalApic;

enum class ExitReason {
  stop_requested,  // request_stop() was called
  shutdown,        // triple fault: a PC resets
  debugger,        // a breakpoint, or a single step that was asked for
  firmware_halt,   // HLT with interrupts off and nothing that could ever wake it
};

// The wires into the processor. All are called or set on the processor's thread unless it says otherwise.
struct CpuWires {
  std::function<uint8_t()> acknowledge_interrupt;  // INTA: the interrupt controller gives a vector
  std::function<void()> on_kick;                   // runs posted work between guest instructions
  std::function<void(bool)> ferr;                  // FERR#, the x87 error line (IRQ 13 on a PC)
};

class Vcpu {
 public:
  Vcpu(PhysicalMemory& memory, Bus& bus, Clock& clock) : memory_(memory), bus_(bus), clock_(clock) {}
  virtual ~Vcpu() = default;

  // Runs guest code until there is a reason to stop. HLT sleeps inside (realtime) or skips guest time
  // forward (instructions). Called without the GIL.
  virtual ExitReason run() = 0;
  // At most `instructions` retired instructions, for single step and lockstep tests.
  virtual ExitReason run_for(uint64_t instructions) = 0;
  // The architectural state, complete and up to date; only while not running or inside a handler.
  virtual CpuState& state() = 0;
  // After state() was changed from outside: drop everything derived from it.
  virtual void state_changed() = 0;
  virtual void reset() = 0;
  // The host's processor faulted in run(): what is known of the guest goes to the state, and says where it was. Only
  // reset() may follow, and looks.
  virtual std::string host_faulted(const HostFaultFacts& facts) = 0;
  // Whom to ask before a fault of the host's is taken for the end of the run.
  virtual HostFaultMender* mender() { return nullptr; }
  virtual uint64_t retired() const = 0;
  // Memory as guest code sees it now (paging included), with no side effects but the guest's own page walk.
  // Returns false when a page is not present; nothing is changed then.
  virtual bool read_linear(uint32_t linear, void* to, uint32_t length) = 0;
  virtual bool write_linear(uint32_t linear, const void* from, uint32_t length) = 0;

  // INTR, level triggered. Processor's thread.
  void set_intr(bool level) {
    intr_ = level;
    if (level) attention_ = true;
  }
  void raise_nmi() {
    nmi_ = true;
    attention_ = true;
  }
  // From any thread: on_kick runs soon on the processor's thread, also out of HLT.
  void kick() {
    kicked_.store(true, std::memory_order_release);
    attention_ = true;
    wake();
  }
  // From any thread: run() returns soon.
  void request_stop() {
    stop_.store(true, std::memory_order_release);
    attention_ = true;
    wake();
  }

  CpuWires wires;
  // Null: INTR and NMI are the controllers' own. Set once, before anything runs.
  std::shared_ptr<LocalApic> local_apic;
  // The INTA cycle: the vector of the highest request.
  uint8_t acknowledge_interrupt();

 protected:
  void wake() {
    std::lock_guard<std::mutex> guard(sleep_mutex_);
    sleep_condition_.notify_all();
  }

  PhysicalMemory& memory_;
  Bus& bus_;
  Clock& clock_;
  bool intr_ = false;
  bool nmi_ = false;
  std::atomic<bool> kicked_{false}, stop_{false};
  // Set whenever the run loop has something to look at before the next block.
  std::atomic<bool> attention_{false};
  std::mutex sleep_mutex_;
  std::condition_variable sleep_condition_;
};

}  // namespace bancada
