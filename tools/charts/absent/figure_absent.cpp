// A build without cairo: nothing is drawn, and whoever asks for it hears why.
#include "runtime/base/error.h"
#include "tools/charts/figure.h"
#include "tools/charts/picture_sheet.h"

namespace temper::charts {
namespace {

[[noreturn]] void refuse() {
  fail(ErrorCode::kUnsupported, why_no_charts(),
       "; what they show is in the files beside them and in --json, and another build draws those "
       "of "
       "a run by: temper plot RUN");
}

}  // namespace

std::string why_no_charts() { return "this temper was built without charts (-DTEMPER_CHARTS=OFF)"; }

void write_chart(const Panel& /*panel*/, const std::string& /*path*/) { refuse(); }
void write_chart(const Figure& /*figure*/, const std::string& /*path*/) { refuse(); }
Png chart_png(const Panel& /*panel*/) { refuse(); }
Png chart_png(const Figure& /*figure*/) { refuse(); }
void write_picture_sheet(const PictureSheet& /*sheet*/, const std::string& /*path*/) { refuse(); }
Png picture_sheet_png(const PictureSheet& /*sheet*/) { refuse(); }

}  // namespace temper::charts
