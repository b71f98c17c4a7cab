// What stands out in a diagnosis, in plain words. The thresholds are rules of thumb, named here.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "training/analysis/diagnosis.h"

namespace temper::training {
namespace {

constexpr double kUsualRatio = 1e-3;  // of an update to its weight
constexpr double kHighRatio = 3e-2;
constexpr double kLowRatio = 1e-6;
constexpr double kVanished = 1e-4;  // of a tensor's gradient per element, against the largest
constexpr double kExploded = 1e3;   // a gradient's norm
constexpr double kGrown = 100;      // times, from the first quarter of the steps to the last
constexpr double kLossGrown = 2;    // times
constexpr double kSaturated = 0.5;  // share of a layer's values
constexpr double kDeadShare = 0.1;  // of a layer's units
constexpr double kWide = 1e3;       // deviation of a layer's values
constexpr double kNarrow = 1e-6;
constexpr std::size_t kNamed = 3;  // tensors or layers named in a sentence

std::string number(double value) { return digits_text(value, 2); }

std::string percent(double share) { return fixed_text(100 * share, 0) + " %"; }

std::vector<double> part(const std::vector<double>& values, bool last_quarter) {
  const auto quarter = static_cast<std::ptrdiff_t>(
      std::max(values.size() / 4, std::min<std::size_t>(1, values.size())));
  return last_quarter ? std::vector<double>(values.end() - quarter, values.end())
                      : std::vector<double>(values.begin(), values.begin() + quarter);
}

// "conv1.weight, conv2.weight and 4 more"
std::string listed(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamed);
  std::string text = join(
      std::vector<std::string>(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown)),
      ", ");
  return names.size() > shown ? concat(text, " and ", names.size() - shown, " more") : text;
}

class Judge {
 public:
  explicit Judge(Diagnosis& diagnosis) : d_(diagnosis) {}

  void run() {
    loss();
    gradients();
    updates();
    layers();
    frozen();
    if (std::none_of(found_.begin(), found_.end(), [](const Finding& f) { return f.problem; })) {
      note("overall", concat("nothing stands out in ", d_.steps,
                             " steps: gradients, updates, activations and units are as usual"));
    }
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Finding& a, const Finding& b) { return a.problem && !b.problem; });
    d_.findings = std::move(found_);
  }

 private:
  void problem(const char* subject, std::string text, std::string advice = {}) {
    found_.push_back({true, subject, std::move(text), std::move(advice)});
  }
  void note(const char* subject, std::string text) {
    found_.push_back({false, subject, std::move(text), {}});
  }

  void loss() {
    for (const std::string& warning : d_.loss_warnings) {
      problem("loss", warning);
    }
    const auto bad = std::find_if(d_.losses.begin(), d_.losses.end(),
                                  [](double loss) { return !std::isfinite(loss); });
    if (bad != d_.losses.end()) {
      problem(
          "loss",
          concat("the loss is not finite at step ", bad - d_.losses.begin() + 1, " of ", d_.steps),
          "a lower optimizer.lr (temper lr-find), clip.norm = 1.0, and a look at the data");
    }
    if (!d_.trouble.empty()) {
      problem("run", concat("the steps ended early: ", d_.trouble));
    } else if (d_.skipped > 0) {
      problem("steps",
              concat(d_.skipped, " of ", d_.steps,
                     " steps were skipped: their gradients were not finite"),
              "a lower optimizer.lr or clip.norm = 1.0");
    }
    if (d_.losses.empty()) {
      return;
    }
    // At a rate that is too high the loss has risen after the first step already.
    const double first = std::fmin(d_.losses.front(), finite_median(part(d_.losses, false)));
    const double last = finite_median(part(d_.losses, true));
    if (first > 0 && last > kLossGrown * first) {
      problem("loss", concat("the loss rises from ", number(first), " to ", number(last)),
              "a lower optimizer.lr (temper lr-find)");
    } else if (std::isfinite(first) && d_.steps >= 8) {
      note("loss", concat("the loss went from ", number(first), " to ", number(last), " in ",
                          d_.steps, " steps"));
    }
  }

  // Gradients per element: norms of tensors of different sizes are not comparable.
  static double per_element(const TensorDiagnosis& tensor) {
    return finite_median(tensor.gradient_norms) /
           std::sqrt(static_cast<double>(std::max<std::int64_t>(1, tensor.shape.element_count())));
  }

  void gradients() {
    double largest = 0;
    std::string at;
    for (const TensorDiagnosis& tensor : d_.tensors) {
      const double size = per_element(tensor);
      if (tensor.is_weight() && size > largest) {
        largest = size;
        at = tensor.name;
      }
    }
    std::vector<std::string> none;
    std::vector<std::string> seldom;
    std::vector<std::string> small;
    std::vector<std::string> large;
    double smallest = largest;
    double highest = 0;
    for (const TensorDiagnosis& tensor : d_.tensors) {
      const bool zero = std::all_of(tensor.gradient_norms.begin(), tensor.gradient_norms.end(),
                                    [](double norm) { return norm == 0; });
      const double top = highest_of(tensor.gradient_norms);
      if (zero) {
        none.push_back(tensor.name);
      } else if (finite_median(tensor.gradient_norms) == 0) {
        seldom.push_back(tensor.name);
      } else if (tensor.is_weight() && per_element(tensor) < kVanished * largest) {
        small.push_back(tensor.name);
        smallest = std::min(smallest, per_element(tensor));
      }
      if (top > kExploded) {
        large.push_back(tensor.name);
        highest = std::max(highest, top);
      }
    }
    if (!none.empty()) {
      problem("gradients",
              concat(none.size(), none.size() == 1 ? " tensor gets" : " tensors get",
                     " no gradient at all: ", listed(none)),
              "is its part of the model used, and not behind dead units?");
    }
    if (!seldom.empty()) {
      problem("gradients", concat("no gradient in most steps: ", listed(seldom)),
              "units that died, or inputs that are seldom anything but 0");
    }
    if (!small.empty()) {
      problem("gradients",
              concat("gradients vanish: per element they are ", number(smallest / largest),
                     " times those of ", at, " in ", listed(small)),
              "ReLU or GELU for sigmoid and tanh, residual connections, normalisation, or another "
              "initialisation");
    }
    if (!large.empty()) {
      problem("gradients",
              concat("gradients explode: norms up to ", number(highest), " in ", listed(large)),
              "clip.norm = 1.0, a lower optimizer.lr, inputs scaled to about -1..1");
    } else {
      grown_gradients();
    }
  }

  static double highest_of(const std::vector<double>& values) {
    double highest = 0;
    for (const double value : values) {
      highest = std::isfinite(value) ? std::max(highest, value) : highest;
    }
    return highest;
  }

  void grown_gradients() {
    const double first = finite_median(part(d_.gradient_norms, false));
    const double last = finite_median(part(d_.gradient_norms, true));
    if (first > 0 && last > kGrown * first) {
      problem("gradients",
              concat("the norm of the gradient grows from ", number(first), " to ", number(last),
                     " in ", d_.steps, " steps"),
              "clip.norm = 1.0 or a lower optimizer.lr");
    }
  }

  void updates() {
    std::vector<std::string> high;
    std::vector<std::string> low;
    std::vector<double> all;
    for (const TensorDiagnosis& tensor : d_.tensors) {
      const double ratio = finite_median(tensor.update_ratios);
      if (!tensor.is_weight() || !std::isfinite(ratio)) {
        continue;
      }
      all.push_back(ratio);
      const bool moves = highest_of(tensor.gradient_norms) > 0;
      if (ratio > kHighRatio) {
        high.push_back(concat(tensor.name, " ", number(ratio)));
      } else if (ratio < kLowRatio && moves) {
        low.push_back(concat(tensor.name, " ", number(ratio)));
      }
    }
    if (!high.empty()) {
      problem("updates",
              concat("each step changes weights by a large part of themselves (usual is about ",
                     number(kUsualRatio), "): ", listed(high)),
              concat("a lower optimizer.lr: it was ", number(d_.lr), " (temper lr-find)"));
    }
    if (!low.empty()) {
      problem("updates",
              concat("steps hardly change these weights (usual is about ", number(kUsualRatio),
                     "): ", listed(low)),
              concat("a higher optimizer.lr: it was ", number(d_.lr), " (temper lr-find)"));
    }
    if (high.empty() && low.empty() && !all.empty()) {
      note("updates", concat("a step changes a weight by ", number(finite_median(all)),
                             " of itself (usual is about ", number(kUsualRatio), ")"));
    }
  }

  void layers() {
    std::vector<std::string> dead;
    std::vector<std::string> died;
    std::vector<std::string> saturated;
    std::vector<std::string> bad;
    std::vector<std::string> wide;
    std::vector<std::string> narrow;
    bool many_dead = false;
    bool many_died = false;
    for (const ActivationStats& stats : d_.layers) {
      const std::string& name = stats.layer().name;
      const std::int64_t never = stats.dead();
      const std::int64_t later = stats.idle_since(d_.steps / 2) - never;
      const auto share = [&](std::int64_t units) {
        return static_cast<double>(units) /
               static_cast<double>(std::max<std::int64_t>(1, stats.units()));
      };
      if (never > 0) {
        dead.push_back(concat(name, " ", never, " of ", stats.units()));
        many_dead = many_dead || share(never) >= kDeadShare;
      }
      if (later > 0 && d_.steps >= 8) {
        died.push_back(concat(name, " ", later, " of ", stats.units()));
        many_died = many_died || share(later) >= kDeadShare;
      }
      if (stats.saturated_share() > kSaturated) {
        saturated.push_back(concat(name, " ", percent(stats.saturated_share())));
      }
      if (stats.not_finite_share() > 0) {
        bad.push_back(concat(name, " ", percent(stats.not_finite_share())));
      } else if (stats.deviation() > kWide) {
        wide.push_back(concat(name, " ", number(stats.deviation())));
      } else if (stats.deviation() < kNarrow && never < std::max<std::int64_t>(1, stats.units())) {
        narrow.push_back(name);
      }
    }
    if (!bad.empty()) {
      problem("activations", concat("values that are not finite: ", listed(bad)),
              "the first of these layers is where it begins");
    }
    if (!dead.empty()) {
      add("dead units", many_dead,
          concat("ReLU units that no sample of ", d_.steps, " steps activates: ", listed(dead)),
          "they get no gradient and stay dead: look at biases and initialisation, or take "
          "LeakyReLU");
    }
    if (!died.empty()) {
      add("dead units", many_died,
          concat("ReLU units that were active at first and not in the later half of the steps: ",
                 listed(died)),
          "a lower optimizer.lr, or LeakyReLU");
    }
    if (!saturated.empty()) {
      problem("activations",
              concat("saturated, so that hardly any gradient passes: ", listed(saturated)),
              "smaller initial weights, normalised inputs, or normalisation before the layer");
    }
    if (!wide.empty()) {
      problem("activations", concat("values of a very large deviation: ", listed(wide)),
              "inputs scaled to about -1..1, or normalisation layers");
    }
    if (!narrow.empty()) {
      problem("activations", concat("the same value for every sample: ", listed(narrow)),
              "what comes before is dead, or its weights are zero");
    }
  }

  void add(const char* subject, bool is_problem, std::string text, const char* advice) {
    is_problem ? problem(subject, std::move(text), advice) : note(subject, std::move(text));
  }

  void frozen() {
    if (d_.frozen.empty()) {
      return;
    }
    std::vector<std::string> names;
    for (const FrozenTensor& tensor : d_.frozen) {
      names.push_back(concat(tensor.name, " (", tensor.why, ")"));
    }
    note("frozen", concat(names.size(), names.size() == 1 ? " tensor is" : " tensors are",
                          " not trained: ", listed(names)));
  }

  Diagnosis& d_;
  std::vector<Finding> found_;
};

}  // namespace

double finite_median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void judge(Diagnosis& diagnosis) { Judge(diagnosis).run(); }

}  // namespace temper::training
