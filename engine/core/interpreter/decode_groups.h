// Where the decoder finds the handlers of the groups it does not own. Each function returns the handler for one
// decoded instruction (prefixes, ModRM, immediates are already in `op`), or nullptr for #UD.
#pragma once

#include "../cpu_model.h"
#include "op.h"

namespace bancada {

// D8-DF, WAIT (9B). x87.cpp
Handler x87_handler(const Op& op);

// Segment registers and far control transfers. segment.cpp
// 06/0E/16/1E, 0F A0/A8 PUSH sreg; 07/17/1F, 0F A1/A9 POP sreg; 8C, 8E; C4/C5, 0F B2/B4/B5 LxS;
// 9A, EA, FF /3, FF /5; CA, CB, CC, CD, CE, CF, F1.
// `two_byte` tells the 0F map. op.reg holds the segment register for PUSH/POP/LxS/MOV.
Handler segment_handler(const Op& op, bool two_byte);

// System instructions. system.cpp
// 0F 00 /0-5, 0F 01 /0-7, 0F 02 LAR, 0F 03 LSL, 63 ARPL, 0F 06 CLTS, 0F 08/09, 0F 20-23 MOV CR/DR, 0F 30 WRMSR,
// 0F 31 RDTSC, 0F 32 RDMSR, 0F 33 RDPMC, 0F 34/35 SYSENTER/SYSEXIT, 0F A2 CPUID, F4 HLT, FA CLI, FB STI,
// 9C PUSHF, 9D POPF. (IN/OUT/INS/OUTS are the decoder owner's: string.cpp and control.cpp, with check_io.)
Handler system_handler(const Op& op, bool two_byte);

// MMX, SSE, SSE2, SSE3, SSSE3, FXSAVE and kin (0F 10-17, 28-2F, 50-7F, AE, C2-C6, D0-FF; 0F 38; 0F 3A). sse.cpp
// `prefix`: the mandatory one, F3 or F2 before 66, or 0.
Handler sse_handler(const Op& op, uint8_t prefix, const CpuFacts& facts);

}  // namespace bancada
