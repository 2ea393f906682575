// The parts of system_handler(), by subject. Each returns the handler for an opcode of its own, or nullptr.
#pragma once

#include "../cpu_model.h"
#include "op.h"

namespace bancada {

// SGDT, SIDT, LGDT, LIDT, SLDT, STR, LLDT, LTR, VERR, VERW, LAR, LSL, ARPL. descriptor_tables.cpp
Handler descriptor_table_handler(const Op& op, bool two_byte);

// CLI, STI, PUSHF, POPF. interrupt_flag.cpp
Handler interrupt_flag_handler(const Op& op);

// RDTSC, RDTSCP, RDMSR, WRMSR, RDPMC, CPUID. model_specific.cpp
Handler model_specific_handler(const Op& op);

}  // namespace bancada
