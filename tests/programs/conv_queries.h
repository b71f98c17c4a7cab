// Convolutions as lines of text, one per query of a kernel table: written from the plans of models
// by a test, read by the program that asks cuDNN about them.
//
//   Conv 8x3x32x32 16x3x3x3 16 -> 8x16x32x32 kernel_shape=3,3 dilations=1,1 pads=1,1,1,1
//   strides=1,1 group=1
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "runtime/backend/kernel.h"

namespace temper::test {

struct ConvQuery {
  std::string op;
  Attrs attrs;
  std::vector<TensorSpec> inputs, outputs;  // not there: kUndefined, "-"

  OpQuery query() const {
    return {.op = op, .attrs = &attrs, .inputs = inputs, .outputs = outputs};
  }
};

inline std::string joined(const std::vector<std::int64_t>& numbers, char between) {
  std::string text;
  for (const std::int64_t number : numbers) {
    text += (text.empty() ? "" : std::string(1, between)) + std::to_string(number);
  }
  return text;
}

inline std::string line_of(const OpQuery& query) {
  std::string line(query.op);
  const auto add = [&](const std::vector<TensorSpec>& specs) {
    for (const TensorSpec& spec : specs) {
      line += " " + (spec.present() ? joined({spec.shape.begin(), spec.shape.end()}, 'x') : "-");
    }
  };
  add(query.inputs);
  line += " ->";
  add(query.outputs);
  for (const char* name : {"kernel_shape", "dilations", "pads", "strides", "input_shape",
                           "weight_shape", "output_padding"}) {
    if (query.attrs->has(name)) {
      line += std::string(" ") + name + "=" + joined(query.attrs->get_ints(name), ',');
    }
  }
  line += " group=" + std::to_string(query.attrs->get_int("group", 1));
  if (query.attrs->get_int("relu", 0) != 0) {
    line += " relu=1";
  }
  if (query.attrs->has("ceiling")) {
    line += " ceiling=" + std::to_string(static_cast<int>(query.attrs->get_double("ceiling", 0)));
  }
  return line;
}

inline std::vector<std::int64_t> numbers_of(const std::string& text, char between) {
  std::vector<std::int64_t> numbers;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, between);) {
    numbers.push_back(std::stoll(part));
  }
  return numbers;
}

inline ConvQuery read_query(const std::string& line) {
  ConvQuery query;
  std::istringstream words(line);
  words >> query.op;
  bool is_output = false;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (word == "->") {
      is_output = true;
    } else if (equals == std::string::npos) {
      TensorSpec spec;
      if (word != "-") {
        spec.dtype = DType::kFloat32;
        spec.shape = Shape(std::span<const std::int64_t>(numbers_of(word, 'x')));
      }
      (is_output ? query.outputs : query.inputs).push_back(spec);
    } else {
      const std::string name = word.substr(0, equals);
      const std::vector<std::int64_t> numbers = numbers_of(word.substr(equals + 1), ',');
      if (name == "group" || name == "relu") {
        query.attrs.set(name, numbers[0]);
      } else if (name == "ceiling") {
        query.attrs.set(name, static_cast<double>(numbers[0]));
      } else {
        query.attrs.set(name, numbers);
      }
    }
  }
  return query;
}

}  // namespace temper::test
