// The machine that reads a pickle (pickle.h): a stack, marks and a memo.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "training/formats/pickle.h"

namespace temper::training {

class PickleMachine {
 public:
  PickleMachine(Pickle& out, std::span<const std::byte> bytes, std::string_view where,
                std::uint64_t memory)
      : out_(out), bytes_(bytes), where_(where), memory_(memory) {}

  void run();

 private:
  // Groups of codes; whether the code was one of them.
  bool do_stack(unsigned char code);
  bool do_number(unsigned char code);
  bool do_text(unsigned char code);
  bool do_container(unsigned char code);
  bool do_memo(unsigned char code);
  bool do_object(unsigned char code);

  [[noreturn]] void damaged(std::string_view what) const;
  std::string_view take(std::uint64_t count);
  std::uint64_t take_number(std::size_t bytes);
  std::string_view take_line();
  std::int64_t whole_number(std::string_view digits) const;

  PickleNode& make(PickleKind kind);
  // What many objects of a file are, and nothing changes: one object for all of them.
  void push_small(std::size_t number);
  void push_bool(bool value);
  void push_nothing();  // a tuple without elements
  PickleNode& top();
  PickleId pop();
  void push(PickleId id);
  std::vector<PickleId> pop_to_mark();
  void charge(std::uint64_t bytes);
  // What one more element takes of a list that doubles when it is full, while both are there.
  template <class T>
  void charge_growth(const std::vector<T>& list) {
    if (list.size() == list.capacity()) {
      charge((list.capacity() + 1) * 2 * sizeof(T));
    }
  }

  void add_items(PickleId to, const std::vector<PickleId>& items, bool pairs);
  void push_long(std::string_view little_endian);
  void push_class(std::string_view module, std::string_view name);
  void push_record(PickleId type, PickleId args);
  void push_tuple(std::vector<PickleId> items);
  void remember(std::uint64_t key);
  void recall(std::uint64_t key);
  void push_persistent(PickleId what);

  Pickle& out_;
  std::span<const std::byte> bytes_;
  std::string_view where_;
  std::uint64_t memory_;
  std::size_t at_ = 0;
  bool stopped_ = false;
  std::array<PickleId, 256> small_{};  // 0: not made yet
  std::array<PickleId, 2> bools_{};
  PickleId nothing_ = 0;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  // By their numbers, which Python counts up from 0; others are rare.
  std::vector<PickleId> memo_;
  std::unordered_map<std::uint64_t, PickleId> sparse_memo_;
};

}  // namespace temper::training
