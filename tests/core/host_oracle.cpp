// Runs 32-bit user code on the host's own processor, for tests: the truth that emulators are compared with.
//
// The process is 64-bit; a far jump through the kernel's 32-bit user code segment (selector 23h) enters
// compatibility mode, a far jump back (33h) leaves it. Memory for code, data and stack lies below 4 GiB at the
// same addresses as in the emulators. A fault arrives as a signal; the handler notes the registers and returns to
// the 64-bit side. Linux on x86-64 only.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <sys/mman.h>
#include <ucontext.h>

namespace {

struct Registers {
  uint32_t gpr[8];  // eax ecx edx ebx esp ebp esi edi
  uint32_t eflags;
  uint32_t signal;  // 0: ran to the end
  uint32_t eip;     // of the fault
  // At the fault: what a stream that runs to its end stores by itself.
  uint32_t mxcsr;
  uint32_t xmm[8][4];
};

constexpr uint32_t TRAMPOLINE = 0x40000;  // 32-bit code that loads the registers and jumps to the case
constexpr uint32_t FRAME = 0x41000;       // Registers, seen from 32-bit code
constexpr uint32_t EXIT = 0x42000;        // 32-bit code that stores them and goes back

uint8_t signal_stack[65536];

void* map_low(uint32_t address, uint32_t length) {
  return mmap(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), length, PROT_READ | PROT_WRITE | PROT_EXEC,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

Registers* frame() {
  return reinterpret_cast<Registers*>(static_cast<uintptr_t>(FRAME));
}

// Saved here while 32-bit code runs; the exit code jumps to host_resume.
extern "C" {
__attribute__((visibility("hidden"))) uint64_t host_stack;
__attribute__((visibility("hidden"))) extern char host_resume[];
}

void on_signal(int number, siginfo_t*, void* raw) {
  auto* context = static_cast<ucontext_t*>(raw);
  greg_t* regs = context->uc_mcontext.gregs;
  const uint64_t cs = static_cast<uint64_t>(regs[REG_CSGSFS]) & 0xFFFF;
  if (cs != 0x23) {
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  Registers* out = frame();
  const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
  for (int i = 0; i < 8; ++i) out->gpr[i] = static_cast<uint32_t>(regs[order[i]]);
  out->eflags = static_cast<uint32_t>(regs[REG_EFL]);
  out->eip = static_cast<uint32_t>(regs[REG_RIP]);
  out->signal = static_cast<uint32_t>(number);
  _libc_fpstate* fpu = context->uc_mcontext.fpregs;
  out->mxcsr = fpu->mxcsr;
  std::memcpy(out->xmm, fpu->_xmm, sizeof out->xmm);
  fpu->mxcsr = 0x1F80;
  fpu->cwd = 0x37F;
  fpu->swd = fpu->ftw = 0;    // ftw: abridged, all empty
  regs[REG_EFL] &= ~0x40500;  // TF, DF and AC off for the host's own code
  regs[REG_CSGSFS] = (regs[REG_CSGSFS] & ~greg_t{0xFFFF}) | 0x33;
  regs[REG_RIP] = reinterpret_cast<greg_t>(host_resume);
}

__attribute__((noinline)) void enter(uint32_t address) {
  struct __attribute__((packed)) {
    uint32_t offset;
    uint16_t selector;
  } far_target = {address, 0x23};
  __asm__ volatile(
      "subq $128, %%rsp\n\t"  // the red zone holds far_target
      "pushq %%rbx\n\tpushq %%rbp\n\tpushq %%r12\n\tpushq %%r13\n\tpushq %%r14\n\tpushq %%r15\n\t"
      "movq %%rsp, host_stack(%%rip)\n\t"
      "movl $0x2B, %%eax\n\tmovl %%eax, %%ds\n\tmovl %%eax, %%es\n\t"  // 64-bit code runs with null selectors
      "ljmpl *(%0)\n\t"
      ".globl host_resume\n\t.hidden host_resume\n"
      "host_resume:\n\t"
      "movq host_stack(%%rip), %%rsp\n\t"
      "cld\n\t"
      "popq %%r15\n\tpopq %%r14\n\tpopq %%r13\n\tpopq %%r12\n\tpopq %%rbp\n\tpopq %%rbx\n\t"
      "addq $128, %%rsp\n\t"
      :
      : "r"(&far_target)
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

void emit32(uint8_t*& at, uint32_t value) {
  std::memcpy(at, &value, 4);
  at += 4;
}

}  // namespace

extern "C" {

// Maps memory and writes the entry and exit code. `code`, `data`, `stack`: page addresses used by the cases.
// Returns 0, or -1 when the addresses are not to be had.
int host_oracle_open(uint32_t code, uint32_t data, uint32_t stack, uint32_t bytes_each) {
  if (map_low(TRAMPOLINE, 0x3000) == MAP_FAILED || map_low(code, bytes_each) == MAP_FAILED ||
      map_low(data, bytes_each) == MAP_FAILED || map_low(stack, bytes_each) == MAP_FAILED) {
    return -1;
  }
  // Entry: pop EFLAGS from the frame through a stack of its own, load the registers, jump to the case.
  auto* at = reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(TRAMPOLINE));
  *at++ = 0xBC, emit32(at, FRAME + 32);  // mov esp, &frame.eflags
  *at++ = 0x9D;                          // popf
  const uint8_t load[8] = {0x05, 0x0D, 0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D};
  for (uint32_t i = 0; i < 8; ++i) {  // mov r32, [frame + 4 * i]
    *at++ = 0x8B, *at++ = load[i], emit32(at, FRAME + 4 * i);
  }
  *at++ = 0xE9, emit32(at, code - static_cast<uint32_t>(reinterpret_cast<uintptr_t>(at) + 4));
  // Exit: store the registers, EFLAGS through the frame's end, far jump back.
  at = reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(EXIT));
  for (uint32_t i = 0; i < 8; ++i) {  // mov [frame + 4 * i], r32
    *at++ = 0x89, *at++ = load[i], emit32(at, FRAME + 4 * i);
  }
  *at++ = 0xBC, emit32(at, FRAME + 36);  // mov esp, &frame.eflags + 4
  *at++ = 0x9C;                          // pushf
  uint8_t* far_jump = at;                // jmp far [abs32]
  *at++ = 0xFF, *at++ = 0x2D, emit32(at, static_cast<uint32_t>(reinterpret_cast<uintptr_t>(far_jump)) + 16);
  at = far_jump + 16;
  // The 64-bit address does not fit a 32-bit far pointer: land on a 64-bit stub below 4 GiB first.
  const auto stub = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(far_jump)) + 32;
  emit32(at, stub);
  *at++ = 0x33, *at++ = 0x00;
  at = far_jump + 32;
  *at++ = 0x48, *at++ = 0xB8;  // mov rax, host_resume
  const auto resume = reinterpret_cast<uint64_t>(host_resume);
  std::memcpy(at, &resume, 8), at += 8;
  *at++ = 0xFF, *at++ = 0xE0;  // jmp rax
  return 0;
}

// Runs `length` bytes at the code page. `registers` is in and out as in Registers.
void host_oracle_run(uint32_t code, const uint8_t* bytes, uint32_t length, uint32_t* registers) {
  stack_t alternate{};
  alternate.ss_sp = signal_stack;
  alternate.ss_size = sizeof signal_stack;
  stack_t before{};
  sigaltstack(&alternate, &before);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  const int signals[5] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
  struct sigaction saved[5];
  for (int i = 0; i < 5; ++i) sigaction(signals[i], &action, &saved[i]);

  auto* at = reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(code));
  std::memcpy(at, bytes, length);
  at += length;
  *at++ = 0xE9, emit32(at, EXIT - static_cast<uint32_t>(reinterpret_cast<uintptr_t>(at) + 4));
  std::memcpy(frame(), registers, sizeof(Registers));
  frame()->signal = 0;
  frame()->eip = 0;
  enter(TRAMPOLINE);
  std::memcpy(registers, frame(), sizeof(Registers));

  for (int i = 0; i < 5; ++i) sigaction(signals[i], &saved[i], nullptr);
  sigaltstack(&before, nullptr);
}

}  // extern "C"
