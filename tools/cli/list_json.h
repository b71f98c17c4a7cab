// Lists in the JSON lines of commands.
#pragma once

#include "training/formats/json.h"

namespace temper::cli {

// What `convert` makes of each item.
template <class Items, class Convert>
training::JsonValue list_json(const Items& items, const Convert& convert) {
  training::JsonValue list = training::JsonValue::array();
  for (const auto& item : items) {
    list.push_back(convert(item));
  }
  return list;
}

}  // namespace temper::cli
