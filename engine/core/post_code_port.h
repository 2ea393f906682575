// Port 80h, the POST code display. Native because guests use it for short delays, millions of times.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bus.h"

namespace bancada {

class PostCodePort final : public PortHandler {
 public:
  static constexpr uint32_t HISTORY_CODES = 256;

  uint32_t read(uint16_t, int) override { return code_; }
  void write(uint16_t, uint32_t value, int) override {
    const auto code = static_cast<uint8_t>(value);
    if (code == code_ && written_ > 0) return;
    code_ = code;
    history_[written_++ % HISTORY_CODES] = code;
  }

  uint8_t code() const { return code_; }
  // The last codes that differed from the one before, oldest first.
  std::vector<uint8_t> history() const {
    std::vector<uint8_t> codes;
    const uint64_t first = written_ > HISTORY_CODES ? written_ - HISTORY_CODES : 0;
    for (uint64_t i = first; i < written_; ++i) codes.push_back(history_[i % HISTORY_CODES]);
    return codes;
  }
  void restore(uint8_t code, const std::vector<uint8_t>& history) {
    code_ = code;
    written_ = 0;
    for (const uint8_t old : history) history_[written_++ % HISTORY_CODES] = old;
  }

 private:
  uint8_t code_ = 0;
  uint64_t written_ = 0;
  std::array<uint8_t, HISTORY_CODES> history_{};
};

}  // namespace bancada
