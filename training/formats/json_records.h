// Files of records: JSON lines (one object per line) or one JSON array of objects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/memory/buffer.h"
#include "training/formats/json.h"

namespace temper::training {

class JsonRecords {
 public:
  // Maps the file. Names ending in .jsonl or .ndjson are lines; others are an array when they begin
  // with [. THROWS: kIo.
  explicit JsonRecords(std::string path);

  // `place` is the line, or the entry of the array, counted from 1.
  using Use = std::function<void(const JsonValue& record, std::int64_t place)>;
  // Calls `use` for each record, in order; blank lines are none.
  // THROWS: kInvalidData with the place for what is no object or no valid JSON.
  void each(const Use& use) const;

  // "set.jsonl:12" or "set.json, entry 12".
  std::string where(std::int64_t place) const;
  const std::string& path() const { return path_; }

 private:
  void each_line(std::string_view text, const Use& use) const;

  std::string path_;
  std::shared_ptr<Buffer> buffer_;
  bool is_array_ = false;
};

}  // namespace temper::training
