// Software interrupts of virtual-8086 mode: they go to the monitor or, with CR4.VME, straight to the program.
#pragma once

#include <cstdint>

#include "interpreter.h"

namespace bancada {

// INT n while EFLAGS.VM is set; faults with #GP(0) when the monitor has to see it.
void v86_software_interrupt(Interpreter& cpu, uint8_t vector, uint32_t return_eip);

}  // namespace bancada
