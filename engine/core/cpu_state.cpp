#include "cpu_state.h"

namespace bancada {

namespace {

constexpr uint16_t ACCESS_DATA_RW = ACCESS_PRESENT | ACCESS_S | ACCESS_WRITABLE | ACCESS_ACCESSED;
constexpr uint16_t TYPE_LDT = 2;
constexpr uint16_t TYPE_BUSY_TSS_32 = 11;

Segment reset_segment(uint16_t selector, uint32_t base, uint16_t access) {
  Segment segment;
  segment.selector = selector;
  segment.base = base;
  segment.limit = 0xFFFF;
  segment.access = access;
  segment.update_spans();
  return segment;
}

}  // namespace

// SDM vol. 3, table 9-1. EDX (the processor's signature) is the caller's to set: the state knows no model.
void CpuState::reset(bool init_only) {
  CpuState fresh;
  fresh.gpr.fill(0);
  fresh.eip = 0xFFF0;
  fresh.seg.fill(reset_segment(0, 0, ACCESS_DATA_RW));
  fresh.seg[CS] = reset_segment(0xF000, 0xFFFF0000, ACCESS_DATA_RW);
  fresh.ldtr = reset_segment(0, 0, ACCESS_PRESENT | TYPE_LDT);
  fresh.tr = reset_segment(0, 0, ACCESS_PRESENT | TYPE_BUSY_TSS_32);
  // The x87 as FNINIT leaves it, which is what a BIOS does first: no guest is left with the 0040h of RESET#.
  if (init_only) {
    fresh.cr0 = CR0_ET | (cr0 & (CR0_CD | CR0_NW));
    fresh.x87 = x87;
    fresh.xmm = xmm;
    fresh.mxcsr = mxcsr;
    fresh.msr = msr;
    fresh.tsc_offset = tsc_offset;
  }
  *this = fresh;
}

}  // namespace bancada
