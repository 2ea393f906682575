// Guest time, in nanoseconds since power-on, and the deadlines that hang on it.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace bancada {

enum class ClockMode {
  realtime,      // follows the host's monotonic clock, standing still while the VM is paused
  instructions,  // advances with retired instructions: a run repeats bit for bit
};

class Clock {
 public:
  Clock(ClockMode mode, uint32_t ns_per_instruction);

  ClockMode mode() const { return mode_; }
  // Instructions mode: whether a processor that idles lets host time go by, instead of skipping ahead at once.
  bool is_paced() const { return paced_; }
  void set_paced(bool paced) { paced_ = paced; }
  uint32_t ns_per_instruction() const { return ns_per_instruction_; }
  uint64_t now_ns() const;

  // Calls `callback` on the processor's thread once now_ns() >= when_ns. Equal times run in the order asked for.
  uint64_t call_at(uint64_t when_ns, std::function<void()> callback);
  void cancel(uint64_t id);
  // UINT64_MAX when nothing is waiting.
  uint64_t next_deadline_ns() const { return next_deadline_ns_; }
  void run_due();
  // Forgets every call: the machine is being taken apart.
  void clear();

  // Realtime: the VM stops and goes on. Both modes: the time after a load.
  void pause();
  void resume();
  void set_now_ns(uint64_t now_ns);

  // Instructions mode. The processor sets `retired` through this pointer-like source so that a device
  // asked in the middle of a block still sees the exact time.
  void set_retired_source(std::function<uint64_t()> source) { retired_ = std::move(source); }
  // HLT: jumps ahead at once.
  void skip_to(uint64_t when_ns);
  // Instructions that may still retire before `when_ns`.
  uint64_t instructions_until(uint64_t when_ns) const;
  // Set when call_at brings the next deadline forward: the processor re-reads it.
  bool take_deadline_changed();
  bool deadline_changed() const { return deadline_changed_; }

 private:
  struct Deadline {
    uint64_t when_ns, id;
    bool operator>(const Deadline& other) const {
      return when_ns != other.when_ns ? when_ns > other.when_ns : id > other.id;
    }
  };
  void find_next_deadline();

  ClockMode mode_;
  uint32_t ns_per_instruction_;
  std::function<uint64_t()> retired_;
  int64_t offset_ns_ = 0;  // realtime: guest now = host now + offset; instructions: retired * rate + offset
  uint64_t paused_at_ns_ = 0;
  bool running_ = false;
  bool paced_ = false;
  uint64_t next_id_ = 1;
  bool deadline_changed_ = false;
  uint64_t next_deadline_ns_ = UINT64_MAX;
  std::vector<Deadline> heap_;
  std::unordered_map<uint64_t, std::function<void()>> callbacks_;
};

}  // namespace bancada
