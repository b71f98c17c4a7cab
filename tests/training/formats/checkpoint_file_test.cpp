// Checkpoints as PyTorch, safetensors, NumPy and llama.cpp write them
// (tools/oracle/checkpoints.py), damaged ones, and files that would run code.
#include "training/formats/checkpoint_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string_view>

#include "tests/training/test_files.h"
#include "training/formats/npz.h"
#include "training/formats/pickle.h"

namespace temper::training {
namespace {

using namespace std::string_view_literals;

std::string form(const std::string& name) { return fixture("checkpoints/" + name); }

const UnreadTensor* find(const CheckpointFile& file, const std::string& name) {
  for (const UnreadTensor& tensor : file.tensors) {
    if (tensor.name == name) {
      return &tensor;
    }
  }
  return nullptr;
}

// Every array of the .npz is in the file under `front` + its name, and nothing else.
void expect_holds(const CheckpointFile& file, const std::string& arrays, const std::string& front) {
  const NpzFile expected(form(arrays));
  EXPECT_EQ(file.tensors.size(), expected.names().size());
  for (const std::string& name : expected.names()) {
    const UnreadTensor* found = find(file, front + name);
    ASSERT_NE(found, nullptr) << name;
    const Tensor value = found->read();
    const Tensor wanted = expected.read(name);
    EXPECT_EQ(found->shape, wanted.shape()) << name;
    EXPECT_EQ(value.shape(), wanted.shape()) << name;
    EXPECT_EQ(value.dtype(), found->dtype) << name;
    EXPECT_EQ(value.values<double>(), wanted.values<double>()) << name;
  }
}

TEST(CheckpointFile, EveryFormOfAStateDictHoldsTheSame) {
  for (const char* name : {"small.pt", "legacy.pt", "small.safetensors",
                           "small.safetensors.index.json", "small.npz"}) {
    SCOPED_TRACE(name);
    expect_holds(read_checkpoint_file(form(name)), "small.npz", "");
  }
}

TEST(CheckpointFile, KeepsTheTypesOfPyTorch) {
  const CheckpointFile file = read_checkpoint_file(form("small.pt"));
  EXPECT_EQ(file.format, "PyTorch checkpoint");
  EXPECT_EQ(find(file, "half")->dtype, DType::kFloat16);
  EXPECT_EQ(find(file, "brain")->dtype, DType::kBFloat16);
  EXPECT_EQ(find(file, "double")->dtype, DType::kFloat64);
  EXPECT_EQ(find(file, "whole")->dtype, DType::kInt64);
  EXPECT_EQ(find(file, "yes")->dtype, DType::kBool);
}

TEST(CheckpointFile, FindsTheTensorsOfAWholeModuleAndItsEpsilon) {
  const CheckpointFile file = read_checkpoint_file(form("module.pt"));
  expect_holds(file, "module.npz", "model.");
  ASSERT_TRUE(file.epsilons.contains("model.1"));
  EXPECT_DOUBLE_EQ(file.epsilons.at("model.1"), .003);
}

TEST(CheckpointFile, WidensTheBlocksOfGguf) {
  expect_holds(read_checkpoint_file(form("small.gguf")), "small_gguf.npz", "");
}

TEST(CheckpointFile, APickleThatWouldRunCodeIsRefusedByName) {
  for (const char* name : {"harmful.pt", "harmful_legacy.pt"}) {
    expect_error([&] { read_checkpoint_file(form(name)); }, ErrorCode::kUnsupported,
                 "would run code", "posix.system");
  }
  const auto refused = [](std::string_view text, std::string_view name) {
    expect_error([&] { Pickle(std::as_bytes(std::span(text)), "it", 1 << 20); },
                 ErrorCode::kUnsupported, "would run code", name);
  };
  refused("cbuiltins\neval\n(S'1'\ntR.", "builtins.eval");
  refused("(S'1'\ni__builtin__\nexec\n.", "__builtin__.exec");
  refused("\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93.", "subprocess.Popen");
  refused("ctorch.hub\nload\n.", "torch.hub.load");
}

TEST(CheckpointFile, UnknownClassesAreRecordsThatDoNothing) {
  const std::string_view text =
      "\x80\x02"
      "cmy.project\nNet\n)\x81}X\x01\x00\x00\x00"
      "aK\x05sb."sv;
  const Pickle pickle(std::as_bytes(std::span(text)), "it", 1 << 20);
  EXPECT_TRUE(pickle.is_made_by(pickle.root(), "my.project.Net"));
  const PickleId state = pickle.node(pickle.root()).state();
  EXPECT_EQ(pickle.node(pickle.find(state, "a")).number(), 5);
}

TEST(CheckpointFile, APickleOfMoreObjectsThanItsMemoryIsRefused) {
  const std::string many(100000, ']');
  expect_error([&] { Pickle(std::as_bytes(std::span(many)), "it", 1 << 20); },
               ErrorCode::kInvalidModel, "more objects");
}

// `many` tensors of one storage, which is 64 floats for each, in PyTorch's format of before 1.6.
std::string legacy_file(int many, std::string_view sizes, std::string_view strides) {
  const std::string legacy = read_bytes(form("legacy.pt"));
  std::size_t begin = 0;
  for (int i = 0; i < 3; ++i) {
    begin += Pickle(std::as_bytes(std::span(legacy)).subspan(begin), "it", 1 << 20).bytes_read();
  }
  // The first names what the others recall.
  std::string text = legacy.substr(0, begin) + "}(";
  for (int i = 0; i < many; ++i) {
    text += concat("S'layers.", i, ".weight'\n",
                   i == 0 ? "ctorch._utils\n_rebuild_tensor_v2\nq\1((S'storage'\nq\2"
                            "ctorch\nFloatStorage\nq\3S'0'\nq\4S'cpu'\nq\5"sv
                          : "h\1((h\2h\3h\4h\5"sv,
                   "K\2NtQK\0"sv, sizes, strides, "tR");
  }
  const int elements = 64 * many;
  std::string count(8, '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    count[i] = static_cast<char>(elements >> (8 * i));
  }
  return text + "u.](S'0'\ne." + count + std::string(sizeof(float) * 64 * many, '\0');
}

TEST(CheckpointFile, ReadsThousandsOfSmallTensors) {
  const TempFolder folder;
  const std::string path = folder.write("many", legacy_file(6000, "K\x02\x85", "K\x01\x85"));
  const CheckpointFile file = read_checkpoint_file(path);
  ASSERT_EQ(file.tensors.size(), 6000u);
  EXPECT_EQ(file.tensors.back().shape, (Shape{2}));
  EXPECT_EQ(file.tensors.back().read().values<double>(), (std::vector<double>{0, 0}));
}

// A few bytes of a file are no reason to take a gigabyte.
TEST(CheckpointFile, AStorageIsNotRepeatedWithoutBound) {
  const TempFolder folder;
  const std::string_view none("K\0\x85", 3);
  const std::string path = folder.write("wide", legacy_file(1, "J\0\0\0\x10\x85"sv, none));
  expect_error([&] { read_checkpoint_file(path); }, ErrorCode::kInvalidModel, "repeats a storage",
               "[268435456]");
  const std::string few = folder.write("few", legacy_file(1, "K\x41\x85", none));
  EXPECT_EQ(read_checkpoint_file(few).tensors.at(0).read().shape(), (Shape{65}));
}

TEST(CheckpointFile, AnObjectInsideItselfEnds) {
  const TempFolder folder;
  const std::string legacy = read_bytes(form("legacy.pt"));
  std::size_t begin = 0;
  for (int i = 0; i < 3; ++i) {
    begin += Pickle(std::as_bytes(std::span(legacy)).subspan(begin), "it", 1 << 20).bytes_read();
  }
  const auto with = [&](std::string_view pickle) {
    return folder.write("round", concat(legacy.substr(0, begin), pickle, "]."));
  };
  // A list that holds itself; an object whose state is a list that begins with itself.
  const std::string list = with(
      "]q\x00h\x00"
      "a."sv);
  expect_error([&] { read_checkpoint_file(list); }, ErrorCode::kInvalidModel, "without end");
  const std::string object = with(
      "ca\nB\n)\x81]q\x00(h\x00h\x00"
      "eb."sv);
  EXPECT_TRUE(read_checkpoint_file(object).tensors.empty());
}

TEST(CheckpointFile, SaysWhatItDoesNotRead) {
  const TempFolder folder;
  const auto says = [&](std::string_view content, std::string_view what) {
    const std::string path = folder.write("file", content);
    expect_error([&] { read_checkpoint_file(path); }, ErrorCode::kUnsupported, what);
  };
  says("\x89HDF\r\n\x1a\n", "HDF5");
  says("\x80\x04N.", "torch.save did not write");
  says("hello, world", "no file of weights");
  says("", "no file of weights");
  expect_error([&] { read_checkpoint_file(folder.path("none")); }, ErrorCode::kIo, "none");
}

TEST(CheckpointFile, AnIndexLeadsToNoOtherFolder) {
  const TempFolder folder;
  const std::string path =
      folder.write("x.index.json", R"({"weight_map": {"a": "../../etc/x.safetensors"}})");
  expect_error([&] { read_checkpoint_file(path); }, ErrorCode::kIo, "x.safetensors");
}

// Reads everything that a file has; whatever is wrong with it ends as an Error.
void read_all(const std::string& path) {
  try {
    const CheckpointFile file = read_checkpoint_file(path);
    for (const UnreadTensor& tensor : file.tensors) {
      if (tensor.shape.element_count() < (1 << 20)) {
        tensor.read();
      }
    }
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
  }
}

TEST(CheckpointFile, ACutFileIsAnError) {
  const TempFolder folder;
  for (const char* name : {"legacy.pt", "small.gguf", "small.safetensors"}) {
    const std::string whole = read_bytes(form(name));
    for (std::size_t size = 0; size < whole.size(); size += 5) {
      const std::string path = folder.write("cut", whole.substr(0, size));
      EXPECT_THROW(read_checkpoint_file(path), Error) << name << " cut at " << size;
    }
  }
}

// TEMPER_MUTATIONS=N tries N of each instead.
int mutations(int otherwise) {
  const char* wanted = std::getenv("TEMPER_MUTATIONS");
  return wanted == nullptr ? otherwise : std::atoi(wanted);
}

TEST(CheckpointFile, ThousandsOfDamagedFilesEndAsErrors) {
  const int each = mutations(300);
  const TempFolder folder;
  std::mt19937 random(20261130);
  for (const char* name : {"legacy.pt", "harmful_legacy.pt", "small.pt", "module.pt", "small.gguf",
                           "small.safetensors"}) {
    const std::string whole = read_bytes(form(name));
    for (int i = 0; i < each; ++i) {
      std::string damaged = whole;
      const int changes = 1 + static_cast<int>(random() % 4);
      for (int k = 0; k < changes; ++k) {
        const std::size_t at = random() % damaged.size();
        switch (random() % 4) {
          case 0:
            damaged[at] = static_cast<char>(random());
            break;
          case 1:
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
            break;
          case 2:
            damaged.erase(at, 1 + random() % 8);
            break;
          default:
            damaged.insert(at, 1 + random() % 8, static_cast<char>(random()));
        }
        if (damaged.empty()) {
          damaged = "P";
        }
      }
      SCOPED_TRACE(concat(name, " ", i));
      read_all(folder.write("damaged", damaged));
    }
  }
}

// The pickle of a zip archive stands behind its checksum: damaged here without one.
TEST(CheckpointFile, ThousandsOfDamagedPicklesEndAsErrors) {
  std::mt19937 random(7);
  const std::string whole = read_bytes(form("legacy.pt"));
  for (int i = 0, end = mutations(3000); i < end; ++i) {
    std::string damaged = whole;
    for (int k = 0; k < 3; ++k) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const std::span<const std::byte> bytes = std::as_bytes(std::span(damaged));
    try {
      for (std::size_t at = 0; at < bytes.size();) {
        at += Pickle(bytes.subspan(at), "it", 1 << 20).bytes_read();
      }
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

}  // namespace
}  // namespace temper::training
