#include "vcpu.h"

#include "local_apic.h"

namespace bancada {

uint8_t Vcpu::acknowledge_interrupt() {
  if (local_apic) {
    const int vector = local_apic->acknowledge();
    if (vector >= 0) return static_cast<uint8_t>(vector);
  }
  return wires.acknowledge_interrupt ? wires.acknowledge_interrupt() : 0xFF;
}

}  // namespace bancada
