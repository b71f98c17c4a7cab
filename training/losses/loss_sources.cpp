#include "training/losses/loss_sources.h"

#include <array>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {

std::string_view source_of(const Loss& loss) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Pair, 25> kSources = {{
      {"cross_entropy", "torch.nn.CrossEntropyLoss"},
      {"nll", "torch.nn.NLLLoss"},
      {"focal", "Lin et al. 2017, Focal Loss; torchvision.ops.sigmoid_focal_loss"},
      {"multi_margin", "torch.nn.MultiMarginLoss"},
      {"bce_with_logits", "torch.nn.BCEWithLogitsLoss"},
      {"bce", "torch.nn.BCELoss"},
      {"multi_label", "torch.nn.MultiLabelSoftMarginLoss"},
      {"soft_margin", "torch.nn.SoftMarginLoss"},
      {"hinge", "max(0, 1 - t x), as for support vector machines"},
      {"hinge_embedding", "torch.nn.HingeEmbeddingLoss"},
      {"dice", "Milletari et al. 2016, V-Net, with p for p^2"},
      {"jaccard", "intersection over union with probabilities"},
      {"mse", "torch.nn.MSELoss"},
      {"l1", "torch.nn.L1Loss"},
      {"smooth_l1", "torch.nn.SmoothL1Loss"},
      {"huber", "torch.nn.HuberLoss"},
      {"rmse", "the square root of torch.nn.MSELoss"},
      {"msle", "torch.nn.MSELoss of log(1 + x)"},
      {"kl_div", "torch.nn.KLDivLoss"},
      {"poisson_nll", "torch.nn.PoissonNLLLoss"},
      {"gaussian_nll", "torch.nn.GaussianNLLLoss"},
      {"cosine_embedding", "torch.nn.CosineEmbeddingLoss"},
      {"triplet_margin", "torch.nn.TripletMarginLoss"},
      {"margin_ranking", "torch.nn.MarginRankingLoss"},
      {"ctc", "torch.nn.CTCLoss; Graves et al. 2006"},
  }};
  for (const Pair& source : kSources) {
    if (source.first == loss.name) {
      return source.second;
    }
  }
  fail(ErrorCode::kInternal, "the loss ", loss.name, " has no source");
}

}  // namespace temper::training
