// Where the tensors of a written model lie: in the file itself, or in one data file beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "runtime/memory/plain_pieces.h"

namespace temper::wire {
class ModelProto;
class TensorProto;
}  // namespace temper::wire

namespace temper::graph {

// A tensor that goes into the data file.
struct DataEntry {
  std::string name;
  DType dtype = DType::kUndefined;  // as it is stored
  Shape shape;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
};

// Gives each entry its offset and returns what stands at the beginning of the file.
using DataLayout = std::function<std::string(std::vector<DataEntry>&)>;

struct FileForm {
  enum class Kind {
    kAsItIs,   // as the file has it; a file of which tensors changed type: one data file or none
    kInline,   // all in the .onnx file
    kDataFile  // initializers of the main graph in one file beside it
  };
  Kind kind = Kind::kAsItIs;
  // Of kDataFile. No name: "<stem>-<8 hex digits of its content>.onnx.data", as export_model()
  // does.
  std::string data_name;
  // Smaller initializers stay in the .onnx file: shapes, of which shape inference needs the values.
  std::int64_t least_bytes = 1024;
  // Which of the smaller ones go out all the same, by name; none: none.
  std::function<bool(const std::string&)> small_too;
  // Types that the data file has no name for stay in the .onnx file; none: it has all.
  std::function<bool(DType)> takes;
  // None: in the order of the file, at multiples of 64, of 64 KiB from a megabyte on, where each
  // can be mapped by itself.
  DataLayout layout;
};

// Writes `edited`, made from the messages of `origin`, in this form; `values` replaces tensors by
// name. REQUIRES: the form is not kAsItIs. THROWS: as export_model().
// COST: a piece of a tensor at a time, and what Constant nodes and bodies hold.
void write_in_form(const OnnxModel::Impl& origin, wire::ModelProto edited,
                   const std::map<std::string, PlainValue>& values, const FileForm& form,
                   const std::string& path);

// The values of a tensor outside of the messages, as they are stored, a piece at a time.
PlainValue stored_value(const OnnxModel::Impl& origin, const wire::TensorProto& tensor,
                        const std::string& name);

}  // namespace temper::graph
