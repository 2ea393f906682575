#include "host_fault_guard.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>

#if defined(__x86_64__)
#include <ucontext.h>
#endif

namespace bancada {

namespace {

constexpr std::array SIGNALS = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

struct Before {
  struct sigaction action {};
  std::atomic<bool> asked{false};  // it has the signal now
};
Before before[SIGNALS.size()];
std::mutex installing;

// A stack for the handler: a fault may be the end of the thread's own.
class HandlerStack {
 public:
  HandlerStack() {
    stack_t there;
    if (sigaltstack(nullptr, &there) != 0 || !(there.ss_flags & SS_DISABLE)) return;
    void* const memory = mmap(nullptr, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_t mine{};
    mine.ss_sp = memory;
    mine.ss_size = BYTES;
    if (sigaltstack(&mine, nullptr) == 0)
      memory_ = memory;
    else
      munmap(memory, BYTES);
  }
  ~HandlerStack() {
    if (memory_ == nullptr) return;
    stack_t there;
    if (sigaltstack(nullptr, &there) == 0 && there.ss_sp == memory_) {
      stack_t none{};
      none.ss_flags = SS_DISABLE;
      sigaltstack(&none, nullptr);
    }
    munmap(memory_, BYTES);
  }
  HandlerStack(const HandlerStack&) = delete;
  HandlerStack& operator=(const HandlerStack&) = delete;

 private:
  static constexpr size_t BYTES = 64u << 10;
  void* memory_ = nullptr;
};

void note(HostFaultFacts& facts, int signal, const siginfo_t* info, void* context) {
  facts.signal = signal;
  facts.address = reinterpret_cast<uint64_t>(info->si_addr);
#if defined(__x86_64__) && defined(__linux__)
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  constexpr int ORDER[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  for (int i = 0; i < 16; ++i) facts.registers[i] = static_cast<uint64_t>(machine[ORDER[i]]);
  facts.instruction = static_cast<uint64_t>(machine[REG_RIP]);
  constexpr greg_t ERROR_CODE_WRITE = 2;
  facts.store = signal == SIGSEGV && (machine[REG_ERR] & ERROR_CODE_WRITE);
#else
  static_cast<void>(context);
#endif
}

bool mend(HostFaultMender& mender, const HostFaultFacts& facts, void* context) {
#if defined(__x86_64__) && defined(__linux__)
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  uint64_t instruction = facts.instruction, r9 = facts.registers[9];
  if (!mender.mend(facts, instruction, r9)) return false;
  machine[REG_RIP] = static_cast<greg_t>(instruction);
  machine[REG_R9] = static_cast<greg_t>(r9);
  return true;
#else
  static_cast<void>(mender), static_cast<void>(facts), static_cast<void>(context);
  return false;
#endif
}

// The handler that was there before ours. When it hands the signal back to us, the default action ends the process.
void hand_on(int signal, siginfo_t* info, void* context) {
  for (size_t i = 0; i < SIGNALS.size(); ++i) {
    if (SIGNALS[i] != signal) continue;
    const struct sigaction& action = before[i].action;
    const bool is_handler =
        (action.sa_flags & SA_SIGINFO) || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
    if (!is_handler || before[i].asked.exchange(true)) {
      std::signal(signal, SIG_DFL);  // the instruction is tried again, and faults again
      return;
    }
    if (action.sa_flags & SA_SIGINFO)
      action.sa_sigaction(signal, info, context);
    else
      action.sa_handler(signal);
    before[i].asked = false;
  }
}

}  // namespace

void HostFaultGuard::caught(int signal, siginfo_t* info, void* context) {
  HostFaultGuard* const guard = current_;
  if (guard == nullptr) {
    hand_on(signal, info, context);
    return;
  }
  note(guard->facts_, signal, info, context);
  if (guard->mender_ != nullptr && mend(*guard->mender_, guard->facts_, context)) return;
  current_ = nullptr;
  siglongjmp(guard->place_, 1);
}

void HostFaultGuard::install() {
  const std::lock_guard<std::mutex> lock(installing);
  for (size_t i = 0; i < SIGNALS.size(); ++i) {
    struct sigaction there;
    if (sigaction(SIGNALS[i], nullptr, &there) != 0) continue;
    if ((there.sa_flags & SA_SIGINFO) && there.sa_sigaction == &HostFaultGuard::caught) continue;
    before[i].action = there;
    struct sigaction ours {};
    ours.sa_sigaction = &HostFaultGuard::caught;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGNALS[i], &ours, nullptr);
  }
}

HostFaultGuard::HostFaultGuard(HostFaultMender* mender) : outer_(current_), mender_(mender) {
#if !defined(BANCADA_SANITIZE)  // whose reports say more
  static thread_local HandlerStack stack;
  install();
  current_ = this;
#endif
}

std::string signal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "signal " + std::to_string(signal);
  }
}

}  // namespace bancada
