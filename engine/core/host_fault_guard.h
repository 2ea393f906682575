// Faults of the host's own processor (SIGSEGV, SIGBUS, SIGFPE, SIGILL) while guest code runs: they end that run and
// nothing else. Outside of it, and in every other thread, they go where they went before.
#pragma once

#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace bancada {

struct HostFaultFacts {
  int signal = 0;
  uint64_t address = 0;         // that could not be reached (SIGSEGV, SIGBUS)
  bool store = false;           // (SIGSEGV)
  uint64_t instruction = 0;     // where the host's processor was
  uint64_t registers[16] = {};  // the host's, by their numbers; x86-64 only
};

// The machine cannot go on; its message is for the crash report.
class HostFault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Somebody who expects some faults.
class HostFaultMender {
 public:
  virtual ~HostFaultMender() = default;
  // In the signal handler, for faults of the code that runs under the guard. True: the run goes on at `instruction`,
  // which is where it was unless it is changed, with `r9` in the register of that name.
  virtual bool mend(const HostFaultFacts& facts, uint64_t& instruction, uint64_t& r9) = 0;
};

// Lives as long as a run, on its thread.
//
// Other handlers may be installed at any time (Python's faulthandler, a test runner's). Each run looks that ours is the
// outermost and keeps the one it found for what is not ours; a handler installed later that hands the signal on to the
// one before it, as faulthandler does, reaches ours, too.
class HostFaultGuard {
 public:
  explicit HostFaultGuard(HostFaultMender* mender = nullptr);
  ~HostFaultGuard() { current_ = outer_; }
  HostFaultGuard(const HostFaultGuard&) = delete;
  HostFaultGuard& operator=(const HostFaultGuard&) = delete;

  // For sigsetjmp, which must stand in the function that does the run. What the run left behind is not destroyed:
  // only memory is lost, since all of it belongs to a machine that is dead then.
  sigjmp_buf& place() { return place_; }
  const HostFaultFacts& facts() const { return facts_; }

  // While other code than ours runs on the thread: Python and what it calls.
  class Suspended {
   public:
    Suspended() : guard_(current_) { current_ = nullptr; }
    ~Suspended() { current_ = guard_; }
    Suspended(const Suspended&) = delete;
    Suspended& operator=(const Suspended&) = delete;

   private:
    HostFaultGuard* guard_;
  };

 private:
  static void caught(int signal, siginfo_t* info, void* context);
  static void install();

  HostFaultGuard* outer_;
  HostFaultMender* mender_;
  HostFaultFacts facts_;
  sigjmp_buf place_;
  static inline constinit thread_local HostFaultGuard* current_ = nullptr;
};

// SIGSEGV and so on.
std::string signal_name(int signal);

}  // namespace bancada
