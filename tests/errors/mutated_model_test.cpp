// Real models with some of their integers changed (attributes, dimensions, integer tensors): each
// ends as an error that a file may cause, or as a plan, in memory bounded by the file's size; a
// plan that is small is run. TEMPER_MUTATIONS=2000 tries that many of each model.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <list>
#include <map>
#include <random>

#include "backends/backends.h"
#include "graph/lowering/lower.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/memory_bound.h"
#include "training/analysis/inspection.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;

// One field of a protobuf message: a number, bytes, or a message of fields.
struct WireField {
  std::uint64_t key = 0;  // number and wire type
  std::uint64_t number = 0;
  std::string bytes;
  std::list<WireField> fields;
  bool is_message = false;

  int field() const { return static_cast<int>(key >> 3); }
  int wire() const { return static_cast<int>(key & 7); }
};

// Which fields of a message are messages: by ONNX's field numbers.
struct Schema {
  std::map<int, const Schema*> messages;
};

struct Reader {
  const std::string& bytes;
  std::size_t at = 0;

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
  }
  std::string take(std::size_t count) {
    at += count;
    return bytes.substr(at - count, count);
  }
};

std::list<WireField> parse(const std::string& bytes, const Schema& schema) {
  std::list<WireField> fields;
  Reader reader{bytes};
  while (reader.at < bytes.size()) {
    WireField& made = fields.emplace_back();
    made.key = reader.varint();
    if (made.wire() == 0) {
      made.number = reader.varint();
      continue;
    }
    made.bytes = reader.take(made.wire() == 1   ? 8
                             : made.wire() == 5 ? 4
                                                : static_cast<std::size_t>(reader.varint()));
    const auto inner = schema.messages.find(made.field());
    if (made.wire() == 2 && inner != schema.messages.end()) {
      made.is_message = true;
      made.fields = parse(made.bytes, *inner->second);
    }
  }
  return fields;
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out += static_cast<char>(value | 0x80);
  }
  out += static_cast<char>(value);
}

std::string serialize(const std::list<WireField>& fields) {
  std::string out;
  for (const WireField& field : fields) {
    append_varint(out, field.key);
    const std::string inner = field.is_message ? serialize(field.fields) : field.bytes;
    if (field.wire() == 0) {
      append_varint(out, field.number);
    } else if (field.wire() == 2) {
      append_varint(out, inner.size());
    }
    out += field.wire() == 0 ? "" : inner;
  }
  return out;
}

const Schema kLeaf;
const Schema kAttribute{{{5, &kLeaf}}};  // i, ints, and t, a tensor
const Schema kNode{{{5, &kAttribute}}};
const Schema kShape{{{1, &kLeaf}}};
const Schema kTensorType{{{2, &kShape}}};
const Schema kType{{{1, &kTensorType}}};
const Schema kValueInfo{{{2, &kType}}};
const Schema kGraph{{{1, &kNode}, {5, &kLeaf}, {11, &kValueInfo}}};
const Schema kModel{{{7, &kGraph}}};

// A place for an integer: a varint, or eight bytes of a tensor's raw data.
struct Place {
  WireField* field;
  std::size_t offset;

  void set(std::int64_t value) const {
    if (field->wire() == 0) {
      field->number = static_cast<std::uint64_t>(value);
    } else {
      std::memcpy(field->bytes.data() + offset, &value, sizeof value);
    }
  }
};

// TensorProto: dims 1, data_type 2, raw_data 9.
void places_of_tensor(std::list<WireField>& tensor, std::vector<Place>& places) {
  bool is_i64 = false;
  for (WireField& field : tensor) {
    is_i64 = is_i64 || (field.field() == 2 && field.number == 7);
    if (field.field() == 1 && field.wire() == 0) {
      places.push_back({&field, 0});
    }
    for (std::size_t at = 0; field.field() == 9 && is_i64 && at + 8 <= field.bytes.size();
         at += 8) {
      places.push_back({&field, at});
    }
  }
}

// Every integer below the fields: i and ints of attributes, dimensions of inputs, tensors.
void collect(std::list<WireField>& fields, const Schema* schema, std::vector<Place>& places) {
  for (WireField& field : fields) {
    const bool attribute = schema == &kAttribute && (field.field() == 3 || field.field() == 8);
    const bool dimension = schema == &kLeaf && field.field() == 1;
    if (field.wire() == 0 && (attribute || dimension)) {
      places.push_back({&field, 0});
    }
    if (!field.is_message) {
      continue;
    }
    const bool tensor = (schema == &kGraph || schema == &kAttribute) && field.field() == 5;
    if (tensor) {
      places_of_tensor(field.fields, places);
    } else {
      collect(field.fields, schema->messages.at(field.field()), places);
    }
  }
}

constexpr std::int64_t kSmallPlan = 1 << 20;

// Binds, lowers and runs the model as it is, and plans a step of its training.
void use(const std::string& path, const Backend& reference, const Backend& cpu) {
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  graph::Graph graph = model.build_graph(graph::standard_ops());
  std::map<std::string, std::int64_t> symbols;
  for (const ValueId id : graph.inputs) {
    for (const graph::Dim& dim : graph.value(id).dims) {
      if (!dim.symbol.empty()) {
        symbols[dim.symbol] = 2;
      }
    }
  }
  graph::bind_shapes(graph, symbols, 2, reference);
  graph::run_pipeline(graph, reference);
  VariableStore store;
  const Plan plan = graph::lower(graph, cpu, store, {});
  std::int64_t bytes = plan.arena_bytes + store.bytes();
  for (const PlanPort& port : plan.inputs) {
    bytes += std::min(storage_bytes(port.dtype, port.shape, {}), 2 * kSmallPlan);
  }
  if (bytes <= kSmallPlan) {
    store.allocate();
    Arena arena;
    arena.reserve(plan);
    Executor executor(plan, store, arena);
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      executor.bind_input(static_cast<int>(i), Tensor(plan.inputs[i].dtype, plan.inputs[i].shape));
    }
    executor.run();
  }
  training::TrainingPreview(model, training::guess_loss(model), symbols, "cpu", 1).plan(2);
}

// "" or what was wrong.
std::string try_out(const std::string& path, const Backend& reference, const Backend& cpu) {
  const auto size = static_cast<std::int64_t>(fs::file_size(path));
  const MemoryBound bound((64 << 20) + 4 * size);
  try {
    use(path, reference, cpu);
    return "";
  } catch (const Error& error) {
    const bool wrong = error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kIo ||
                       error.message().starts_with("cannot allocate");
    return wrong ? concat(to_string(error.code()), ": ", error.what()) : "";
  } catch (const std::exception& error) {
    return concat("threw ", error.what());
  }
}

TEST(MutatedModel, EndsAsAnErrorOrAPlanInBoundedMemory) {
  const char* wanted = std::getenv("TEMPER_MUTATIONS");
  const int mutations = wanted == nullptr ? 40 : std::atoi(wanted);
  constexpr std::array<std::int64_t, 12> kValues = {0,
                                                    -1,
                                                    1,
                                                    2,
                                                    3,
                                                    7,
                                                    -2,
                                                    65536,
                                                    std::int64_t{1} << 31,
                                                    std::int64_t{1} << 36,
                                                    std::int64_t{1} << 62,
                                                    INT64_MIN};
  const auto reference = make_backend("reference"), cpu = make_backend("cpu");
  int models = 0;
  for (const char* folder : {"models", "tests/models/expected", "tests/training/fixtures"}) {
    const fs::path root = fs::path(TEMPER_SOURCE_DIR) / folder;
    if (!fs::exists(root)) {
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".onnx" || entry.file_size() > (4 << 20)) {
        continue;
      }
      ++models;
      const TemporaryFolder scratch;
      const fs::path data = entry.path().string() + ".data";
      if (fs::exists(data)) {
        fs::copy_file(data, scratch.path(data.filename()));
      }
      const std::string whole = TemporaryFolder::read_all(entry.path());
      std::mt19937_64 random(whole.size());
      for (int m = 0; m < mutations; ++m) {
        std::list<WireField> fields = parse(whole, kModel);
        std::vector<Place> places;
        collect(fields, &kModel, places);
        ASSERT_FALSE(places.empty()) << entry.path();
        for (std::uint64_t left = 1 + random() % 2; left > 0; --left) {
          places[random() % places.size()].set(kValues[random() % kValues.size()]);
        }
        const std::string path = scratch.write("model.onnx", serialize(fields));
        const std::string wrong = try_out(path, *reference, *cpu);
        if (!wrong.empty()) {
          const std::string kept = (fs::temp_directory_path() / "mutated.onnx").string();
          fs::copy_file(path, kept, fs::copy_options::overwrite_existing);
          FAIL() << entry.path() << " mutation " << m << " (" << kept << "): " << wrong;
        }
      }
    }
  }
  EXPECT_GT(models, 8);
}

}  // namespace
}  // namespace temper::test
