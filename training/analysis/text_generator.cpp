// Plans are compiled for few lengths: behind the text comes filling, which a model that works from
// left to right does not see. Whether it does is tried, not assumed.
#include "training/analysis/text_generator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/compile/engine.h"

namespace temper::training {
namespace {

constexpr std::int64_t kShortest = 16;  // filling up to here costs nothing

bool is_whole(DType dtype) { return dtype == DType::kInt64 || dtype == DType::kInt32; }

// What is known of an input: the names are those that token data give too.
enum class Content { kText, kOnes, kPositions };

}  // namespace

struct TextGenerator::Impl {
  graph::OnnxModel onnx;
  std::unique_ptr<Backend> backend, reference;
  std::vector<graph::OnnxValueInfo> inputs;
  std::vector<Content> contents;
  std::int64_t fixed = 0;  // the length that the file says; 0: any
  std::int64_t context = 0;
  bool context_given = false;
  std::int64_t longest = 0;  // text that the model was run over
  bool from_left_to_right = true;
  std::int64_t vocabulary = 0;
  std::unique_ptr<Engine> engine;

  Impl(const std::string& path, GeneratorOptions& options)
      : onnx(graph::OnnxModel::load(path)),
        backend(options.opened != nullptr ? std::move(options.opened)
                                          : make_backend(options.device)),
        reference(make_backend("reference")),
        inputs(onnx.inputs()) {
    sort_inputs();
    TEMPER_CHECK(fixed == 0 || options.context <= fixed, ErrorCode::kInvalidArgument, "the model '",
                 path, "' sees ", fixed, " tokens, not ", options.context);
    context_given = fixed > 0 || options.context > 0;
    context = fixed > 0 ? fixed : options.context > 0 ? options.context : kDefaultContext;
    engine = std::make_unique<Engine>(onnx.build_graph(graph::standard_ops()), CompileSettings{},
                                      *backend, *reference, std::move(options.engine));
    longest = fixed > 0 ? fixed : std::min(context, kShortest);
    engine->prepare({request(longest)});
    try_direction(longest);
  }

  void sort_inputs() {
    int taken = 0;
    for (const graph::OnnxValueInfo& input : inputs) {
      const bool text = is_whole(input.dtype) && input.rank_known && input.dims.size() == 2;
      const Content content = input.name == "attention_mask" ? Content::kOnes
                              : input.name == "position_ids" ? Content::kPositions
                                                             : Content::kText;
      taken += content == Content::kText ? 1 : 0;
      TEMPER_CHECK(text && taken <= 1, ErrorCode::kUnsupported, "the model '", onnx.path(),
                   "' has the input ", input.name, " of ", input.file_type,
                   ": a text is continued by a model with one input [batch, sequence] of whole "
                   "numbers, and perhaps attention_mask and position_ids");
      contents.push_back(content);
      if (content == Content::kText) {
        fixed = std::max<std::int64_t>(0, input.dims[1].value);
      }
    }
    TEMPER_CHECK(taken == 1, ErrorCode::kUnsupported, "the model '", onnx.path(),
                 "' has no input of tokens");
  }

  GraphRequest request(std::int64_t length) const {
    GraphRequest made;
    made.kind = GraphKind::kPredict;
    made.batch = 1;
    for (const graph::OnnxValueInfo& input : inputs) {
      const graph::Dim& dim = input.dims[1];
      if (dim.value < 0) {
        made.symbols[dim.symbol.empty() ? "?" : dim.symbol] = length;
      }
    }
    return made;
  }

  // All scores [length, vocabulary].
  std::vector<float> run(const std::vector<std::int64_t>& tokens) {
    const auto length = static_cast<std::int64_t>(tokens.size());
    const HeldExecutor held = engine->executor(request(length));
    Executor& executor = *held;
    std::vector<std::int64_t> values(tokens.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (std::size_t at = 0; at < values.size(); ++at) {
        values[at] = contents[i] == Content::kText   ? tokens[at]
                     : contents[i] == Content::kOnes ? 1
                                                     : static_cast<std::int64_t>(at);
      }
      const int port = executor.plan().input({PortRole::kModelInput, static_cast<int>(i)});
      if (port >= 0) {  // an input that nothing reads has none
        executor.bind_input(port,
                            Tensor::from<std::int64_t>(inputs[i].dtype, {1, length},
                                                       std::span<const std::int64_t>(values)));
      }
    }
    executor.run();
    const Tensor scores = executor.read_output(0).to_plain();
    TEMPER_CHECK(scores.shape().rank() == 3 && scores.shape()[0] == 1 &&
                     scores.shape()[1] == length && scores.shape()[2] > 0,
                 ErrorCode::kUnsupported, "the first output of '", onnx.path(), "' is ",
                 scores.shape(), " of ", length,
                 " tokens, expected [1, tokens, vocabulary]: scores for the token after each");
    vocabulary = scores.shape()[2];
    return scores.values<float>();
  }

  bool takes(std::int64_t length) {
    try {
      run(std::vector<std::int64_t>(static_cast<std::size_t>(length)));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kOutOfMemory) {
        throw;
      }
      return false;
    }
    longest = std::max(longest, length);
    return true;
  }

  // A file does not say how long a text its tables of positions bear. True: less than `wanted`
  // tokens, and from now on the context is what was found.
  bool limit_context(std::int64_t wanted) {
    if (context_given || takes(wanted)) {
      return false;
    }
    std::int64_t refused = wanted;
    while (refused - longest > 1) {
      const std::int64_t middle = longest + (refused - longest) / 2;
      refused = takes(middle) ? refused : middle;
    }
    context = longest;
    return true;
  }

  // Whether the scores of the first half stay when the second one is another.
  void try_direction(std::int64_t length) {
    std::vector<std::int64_t> tokens(static_cast<std::size_t>(length));
    const std::vector<float> before = run(tokens);
    const auto half = static_cast<std::size_t>((length + 1) / 2);
    std::fill(tokens.begin() + static_cast<std::ptrdiff_t>(half), tokens.end(),
              std::min<std::int64_t>(1, vocabulary - 1));
    const std::vector<float> after = run(tokens);
    for (std::size_t i = 0; i < half * static_cast<std::size_t>(vocabulary); ++i) {
      const float size = std::max(std::abs(before[i]), std::abs(after[i]));
      from_left_to_right =
          from_left_to_right && std::abs(before[i] - after[i]) <= 1e-4F * std::max(1.0F, size);
    }
  }

  // How many tokens the model is run over for a text of so many.
  std::int64_t padded(std::int64_t count) const {
    if (fixed > 0 || !from_left_to_right) {
      return fixed > 0 ? fixed : count;
    }
    std::int64_t length = kShortest;
    while (length < count) {
      length *= 2;
    }
    return std::min(length, context);
  }
};

TextGenerator::TextGenerator(const std::string& model, GeneratorOptions options)
    : impl_(std::make_unique<Impl>(model, options)) {}

TextGenerator::~TextGenerator() = default;

std::int64_t TextGenerator::vocabulary() const { return impl_->vocabulary; }

std::vector<float> TextGenerator::next_scores(std::span<const std::int64_t> tokens) {
  TEMPER_CHECK(!tokens.empty(), ErrorCode::kInvalidArgument,
               "the prompt has no tokens; a model continues what is there");
  const std::span<const std::int64_t> seen =
      tokens.last(std::min(tokens.size(), static_cast<std::size_t>(impl_->context)));
  for (const std::int64_t token : seen) {
    TEMPER_CHECK(token >= 0 && token < impl_->vocabulary, ErrorCode::kInvalidArgument, "token ",
                 token, " is none of the model's ", impl_->vocabulary);
  }
  const auto count = static_cast<std::int64_t>(seen.size());
  std::vector<std::int64_t> text(seen.begin(), seen.end());
  text.resize(static_cast<std::size_t>(impl_->padded(count)));
  if (static_cast<std::int64_t>(text.size()) > impl_->longest &&
      impl_->limit_context(static_cast<std::int64_t>(text.size()))) {
    return next_scores(tokens);
  }
  TEMPER_CHECK(
      impl_->from_left_to_right || text.size() == seen.size(), ErrorCode::kUnsupported,
      "the model '", impl_->onnx.path(), "' takes ", text.size(),
      " tokens, no fewer, and each of its scores depends on all of them: give a prompt of ",
      text.size(), " tokens, not ", seen.size());
  std::vector<float> scores;
  try {
    scores = impl_->run(text);
  } catch (Error& error) {
    error.add_note(concat("while running the model over ", text.size(),
                          " tokens; it may take fewer (--context)"));
    throw;
  }
  const auto first = scores.begin() + (count - 1) * impl_->vocabulary;
  return {first, first + impl_->vocabulary};
}

void TextGenerator::continue_text(std::vector<std::int64_t>& tokens, std::int64_t count,
                                  const TokenSampling& sampling,
                                  const std::function<void(std::int64_t)>& drawn) {
  check_sampling(sampling);
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back(sample_token(next_scores(tokens), sampling, i));
    if (drawn != nullptr) {
      drawn(tokens.back());
    }
  }
}

}  // namespace temper::training
