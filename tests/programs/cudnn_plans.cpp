// What the convolutions of models get on GPUs that are not there: the rows of the CUDA backend are
// asked, and make cuDNN's plans from descriptions of devices.
//
//   cudnn_plans QUERIES.txt PAGE.md [write]
//
// Fails when a convolution that has a plan of cuDNN on the page gets none now, or is not on the
// page; 77 where cuDNN is not installed.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/real/cudnn_device.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"
#include "runtime/base/error.h"
#include "tests/programs/conv_queries.h"

namespace temper::cuda {

void register_conv(KernelTable& table);  // of kernels/conv.cpp
std::size_t cudnn_version();             // of real/cudnn_graph.h

namespace {

constexpr const char* kDirect = "direct";

struct Column {
  const char* name;
  CudnnDevice device;
  DType dtype;
  bool tf32 = false;
};

CudnnDevice device(const char* name, int sm, int multiprocessors, int shared_optin_bytes,
                   int blocks, int threads, int gigabytes, int l2_megabytes, int clock_mhz) {
  CudnnDeviceFacts facts;
  facts.name = name;
  facts.sm = sm;
  facts.multiprocessors = multiprocessors;
  facts.shared_optin_bytes = shared_optin_bytes;
  facts.blocks_per_multiprocessor = blocks;
  facts.threads_per_multiprocessor = threads;
  facts.memory_bytes = static_cast<std::size_t>(gigabytes) << 30;
  facts.l2_bytes = l2_megabytes << 20;
  facts.clock_khz = clock_mhz * 1000;
  facts.memory_clock_khz = 3'000'000;
  return describe(facts);
}

std::vector<Column> columns() {
  const CudnnDevice t4 = device("T4", 75, 40, 65536, 16, 1024, 15, 4, 1590);
  const CudnnDevice a100 = device("A100", 80, 108, 166912, 32, 2048, 40, 40, 1410);
  const CudnnDevice l4 = device("L4", 89, 58, 101376, 24, 1536, 22, 48, 2040);
  const CudnnDevice h200 = device("H200", 90, 132, 232448, 32, 2048, 140, 60, 1980);
  return {{"T4, f32", t4, DType::kFloat32},           {"A100, f32", a100, DType::kFloat32},
          {"L4, f32", l4, DType::kFloat32},           {"H200, f32", h200, DType::kFloat32},
          {"T4, f16", t4, DType::kFloat16},           {"A100, bf16", a100, DType::kBFloat16},
          {"L4, bf16", l4, DType::kBFloat16},         {"H200, bf16", h200, DType::kBFloat16},
          {"H200, tf32", h200, DType::kFloat32, true}};
}

// As mixed precision has it: gradients of weights are wanted in f32.
test::ConvQuery in_type(test::ConvQuery query, DType dtype) {
  const bool widens = query.attrs.has("weight_shape");
  for (auto* specs : {&query.inputs, &query.outputs}) {
    for (TensorSpec& spec : *specs) {
      if (spec.present() && !(widens && specs == &query.outputs)) {
        spec.dtype = dtype;
      }
    }
  }
  return query;
}

// The number of cuDNN's engine, with a + where kernels of ours do the rest; "direct" where it has
// none, and `reasons` says why.
std::string answer(const KernelTable& table, const OpQuery& query, std::set<std::string>& reasons) {
  const KernelImpl& first = *table.rows(query.op).front();
  const Support support = first.supports(query);
  if (!support.ok) {
    reasons.insert(support.reason);
    return kDirect;
  }
  const std::string name = first.prepare(query)->description;  // "cuDNN eng5, the rest apart"
  const std::size_t digits = name.find_first_of("0123456789");
  const std::size_t end = std::min(name.find(','), name.size());
  return name.substr(digits, end - digits) + (end < name.size() ? "+" : "");
}

bool is_cudnn(const std::string& cell) { return cell.find(kDirect) == std::string::npos; }

std::vector<std::string> lines_of(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream text(row);
  for (std::string cell; std::getline(text, cell, '|');) {
    cells.push_back(cell);
  }
  return cells;
}

struct Answers {
  std::string page;                         // rows of the table
  std::map<std::string, std::string> rows;  // by convolution
  std::set<std::string> reasons;
  std::size_t asked = 0, with_plan = 0;
};

Answers ask_all(const std::vector<std::string>& queries) {
  KernelTable table;
  register_conv(table);
  Answers answers;
  for (const Column& column : columns()) {
    set_planned_device(column.device);
    for (const std::string& line : queries) {
      const test::ConvQuery query = in_type(test::read_query(line), column.dtype);
      OpQuery asked = query.query();
      asked.tf32 = column.tf32;
      const std::string cell = answer(table, asked, answers.reasons);
      ++answers.asked;
      answers.with_plan += is_cudnn(cell) ? 1 : 0;
      answers.rows[line] += " " + cell + " |";
    }
  }
  for (const std::string& line : queries) {
    answers.page += "| `" + line + "` |" + answers.rows[line] + "\n";
  }
  return answers;
}

std::string page_of(const Answers& answers) {
  std::string page = concat(
      "# cuDNN's plans without a GPU\n\nThe convolutions of the models that are timed against "
      "PyTorch and of the samples, and what would do them, as ",
      cudnn_text(),
      " answers on a machine without a GPU: plans are made from descriptions of the devices, and "
      "**none of them has run**. Of ",
      answers.asked, " questions ", answers.with_plan,
      " have a plan of cuDNN.\n\nThe number is that of cuDNN's engine; `+`: a bias, ReLU or "
      "gradient of a bias, or the widening of a 16-bit gradient to f32, is done by a kernel of "
      "ours; `direct`: our direct sums. f32 is without TF32, tf32 is f32 with `train.tf32 = true`. "
      "Engines that cuDNN compiles itself "
      "need a driver and are left out here, so that a GPU may get another engine.\n\nWritten by "
      "`tools/test_cudnn.sh write`, and compared by `tools/test_cudnn.sh`.\n\n");
  if (!answers.reasons.empty()) {
    page += "What cuDNN says of those it has no plan for:\n\n";
    for (const std::string& reason : answers.reasons) {
      page += "- " + reason + "\n";
    }
    page += "\n";
  }
  page += "| convolution |";
  std::string rule = "|---|";
  for (const Column& column : columns()) {
    page += concat(" ", column.name, " |");
    rule += "---|";
  }
  return page + "\n" + rule + "\n" + answers.page;
}

// Plans that the page has and that are refused now, and convolutions that the page does not know.
int complaints(const Answers& answers, const std::vector<std::string>& page) {
  int count = 0;
  std::set<std::string> known;
  for (const std::string& row : page) {
    const std::vector<std::string> before = cells_of(row);
    if (before.size() < 3 || before[1].find('`') == std::string::npos) {
      continue;
    }
    const std::string line = before[1].substr(2, before[1].size() - 4);
    known.insert(line);
    const auto found = answers.rows.find(line);
    if (found == answers.rows.end()) {
      continue;
    }
    const std::vector<std::string> now = cells_of(found->second);
    for (std::size_t i = 0; i < now.size() && i + 2 < before.size(); ++i) {
      if (is_cudnn(before[i + 2]) && !is_cudnn(now[i])) {
        std::cerr << line << "\n  on " << columns()[i].name << " was" << before[i + 2] << ", is"
                  << now[i] << "\n";
        ++count;
      }
    }
  }
  for (const auto& [line, row] : answers.rows) {
    if (!known.contains(line)) {
      std::cerr << line << "\n  is not on the page; write it anew\n";
      ++count;
    }
  }
  return count;
}

int run(const char* queries_path, const char* page_path, bool writes) {
  try {
    cudnn_version();
  } catch (const Error& error) {
    std::cerr << error.message() << "\n";
    return 77;
  }
  std::vector<std::string> queries = lines_of(queries_path);
  std::erase_if(queries, [](const std::string& line) { return line.empty() || line[0] == '#'; });
  if (queries.empty()) {
    std::cerr << "no convolutions in " << queries_path << "\n";
    return 1;
  }
  const Answers answers = ask_all(queries);
  std::cout << cudnn_text() << ": " << answers.with_plan << " of " << answers.asked
            << " have a plan\n";
  if (writes) {
    std::ofstream(page_path) << page_of(answers);
    return 0;
  }
  return complaints(answers, lines_of(page_path)) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace temper::cuda

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "cudnn_plans QUERIES.txt PAGE.md [write]\n";
    return 2;
  }
  return temper::cuda::run(argv[1], argv[2], argc > 3 && std::string(argv[3]) == "write");
}
