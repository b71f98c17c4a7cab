// The codes of protocols 0 to 5.
#include <bit>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/formats/pickle_machine.h"

namespace temper::training {
namespace {

double float_of(std::string_view big_endian) {
  std::uint64_t bits = 0;
  for (const char byte : big_endian) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
  }
  return std::bit_cast<double>(bits);
}

}  // namespace

bool PickleMachine::do_stack(unsigned char code) {
  switch (code) {
    case 0x80:  // PROTO
      if (take_number(1) > 5) {
        damaged("a protocol above 5");
      }
      return true;
    case 0x95:  // FRAME: its length is of no use here
      take(8);
      return true;
    case '.':
      out_.root_ = pop();
      stopped_ = true;
      return true;
    case '(':
      charge_growth(marks_);
      marks_.push_back(stack_.size());
      return true;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case '1':
      pop_to_mark();
      return true;
    case '2':
      top();
      push(stack_.back());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::do_number(unsigned char code) {
  switch (code) {
    case 'N':
      push(0);
      return true;
    case 0x88:
    case 0x89:
      push_bool(code == 0x88);
      return true;
    case 'I':
    case 'L': {
      const std::string_view line = take_line();
      const bool is_bool = code == 'I' && (line == "00" || line == "01");
      make(is_bool ? PickleKind::kBool : PickleKind::kInt).set_number(whole_number(line));
      return true;
    }
    case 'J':
      make(PickleKind::kInt).set_number(static_cast<std::int32_t>(take_number(4)));
      return true;
    case 'K':
      push_small(static_cast<std::size_t>(take_number(1)));
      return true;
    case 'M':
      make(PickleKind::kInt).set_number(static_cast<std::int64_t>(take_number(2)));
      return true;
    case 0x8a:
    case 0x8b:
      push_long(take(take_number(code == 0x8a ? 1 : 4)));
      return true;
    case 'F': {
      const auto number = read_number(take_line());
      make(PickleKind::kFloat).set_real(number.value_or(0));
      return true;
    }
    case 'G':
      make(PickleKind::kFloat).set_real(float_of(take(8)));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::do_text(unsigned char code) {
  const auto put = [&](PickleKind kind, std::string_view text) { make(kind).set_text(text); };
  switch (code) {
    case 'S': {
      std::string_view line = take_line();
      if (line.size() >= 2) {
        line = line.substr(1, line.size() - 2);
      }
      put(PickleKind::kText, line);
      return true;
    }
    case 'V':
      put(PickleKind::kText, take_line());
      return true;
    case 'U':
    case 0x8c:
      put(PickleKind::kText, take(take_number(1)));
      return true;
    case 'T':
    case 'X':
      put(PickleKind::kText, take(take_number(4)));
      return true;
    case 0x8d:
      put(PickleKind::kText, take(take_number(8)));
      return true;
    case 'C':
      put(PickleKind::kBytes, take(take_number(1)));
      return true;
    case 'B':
      put(PickleKind::kBytes, take(take_number(4)));
      return true;
    case 0x8e:
    case 0x96:
      put(PickleKind::kBytes, take(take_number(8)));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::do_container(unsigned char code) {
  switch (code) {
    case ')':
      push_nothing();
      return true;
    case ']':
    case 0x8f:
      make(PickleKind::kList);
      return true;
    case '}':
      make(PickleKind::kDict);
      return true;
    case 't':
      push_tuple(pop_to_mark());
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<PickleId> items(code - 0x84u);
      for (std::size_t i = items.size(); i-- > 0;) {
        items[i] = pop();
      }
      push_tuple(std::move(items));
      return true;
    }
    case 'l':
    case 0x91:
    case 'd': {
      const std::vector<PickleId> items = pop_to_mark();
      make(code == 'd' ? PickleKind::kDict : PickleKind::kList);
      add_items(stack_.back(), items, code == 'd');
      return true;
    }
    case 'a': {
      const PickleId item = pop();
      top();
      add_items(stack_.back(), {item}, false);
      return true;
    }
    case 's': {
      const PickleId value = pop();
      const PickleId key = pop();
      top();
      add_items(stack_.back(), {key, value}, true);
      return true;
    }
    case 'e':
    case 'u':
    case 0x90: {
      const std::vector<PickleId> items = pop_to_mark();
      top();
      add_items(stack_.back(), items, code == 'u');
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::do_memo(unsigned char code) {
  switch (code) {
    case 'p':
      remember(static_cast<std::uint64_t>(whole_number(take_line())));
      return true;
    case 'q':
      remember(take_number(1));
      return true;
    case 'r':
      remember(take_number(4));
      return true;
    case 0x94:
      remember(memo_.size() + sparse_memo_.size());
      return true;
    case 'g':
      recall(static_cast<std::uint64_t>(whole_number(take_line())));
      return true;
    case 'h':
      recall(take_number(1));
      return true;
    case 'j':
      recall(take_number(4));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::do_object(unsigned char code) {
  switch (code) {
    case 'c': {
      const std::string_view module = take_line();
      push_class(module, take_line());
      return true;
    }
    case 0x93: {
      const std::string_view name = out_.nodes_[pop()].text();
      push_class(out_.nodes_[pop()].text(), name);
      return true;
    }
    case 'i': {
      const std::string_view module = take_line();
      const std::string_view name = take_line();
      push_tuple(pop_to_mark());
      const PickleId args = pop();
      push_class(module, name);
      push_record(pop(), args);
      return true;
    }
    case 'o': {
      std::vector<PickleId> items = pop_to_mark();
      if (items.empty()) {
        damaged("an object without a class");
      }
      const PickleId type = items.front();
      items.erase(items.begin());
      push_tuple(std::move(items));
      push_record(type, pop());
      return true;
    }
    case 'R':
    case 0x81: {
      const PickleId args = pop();
      push_record(pop(), args);
      return true;
    }
    case 0x92: {
      pop();  // by keyword
      const PickleId args = pop();
      push_record(pop(), args);
      return true;
    }
    case 'b': {
      const PickleId state = pop();
      PickleNode& object = top();
      if (object.kind != PickleKind::kRecord && object.kind != PickleKind::kDict) {
        damaged("a state for what is no object");
      }
      if (object.kind == PickleKind::kRecord) {
        object.items[PickleNode::kRecordParts - 1] = state;
      }
      return true;
    }
    case 'P': {
      make(PickleKind::kText).set_text(take_line());
      push_persistent(pop());
      return true;
    }
    case 'Q':
      push_persistent(pop());
      return true;
    default:
      return false;
  }
}

}  // namespace temper::training
