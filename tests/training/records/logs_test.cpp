// metrics.jsonl and the event files of a run.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/training/test_files.h"
#include "training/formats/json.h"
#include "training/formats/tfevents.h"
#include "training/records/history.h"
#include "training/records/metrics_log.h"
#include "training/records/tensorboard_log.h"

namespace temper::training {
namespace {

TEST(MetricsLog, WritesOneObjectALine) {
  const TempFolder folder;
  MetricsLog log(folder.path("metrics.jsonl"));
  log.write(120, 3, std::vector<Metric>{{"train/loss", 0.4123}, {"opt/lr", 0.001}});
  log.write(
      121, 3,
      std::vector<Metric>{{"a\"b", std::nan("")}, {"c", -std::numeric_limits<double>::infinity()}});
  const std::string text = read_bytes(folder.path("metrics.jsonl"));
  EXPECT_EQ(text,
            "{\"step\": 120, \"epoch\": 3, \"train/loss\": 0.4123, \"opt/lr\": 0.001}\n"
            "{\"step\": 121, \"epoch\": 3, \"a\\\"b\": \"NaN\", \"c\": \"-Infinity\"}\n");
  EXPECT_EQ(log.offset(), text.size());
}

TEST(MetricsLog, EveryLineIsValidJsonWithTheValueWritten) {
  for (const double value : {0.1, 1e-310, 123456789012345680.0, -0.0, 1.0 / 3}) {
    const std::string line = metrics_line(1, 0, std::vector<Metric>{{"m", value}});
    EXPECT_EQ(parse_json(line, "line").at("m").as_double("m"), value);
  }
}

TEST(MetricsLog, ResumesBehindTheRecordedOffset) {
  const TempFolder folder;
  const std::string path = folder.path("metrics.jsonl");
  std::uint64_t offset = 0;
  {
    MetricsLog log(path);
    log.write(1, 0, {});
    offset = log.offset();
    log.write(2, 0, {});
  }
  {
    MetricsLog log(path, offset);
    EXPECT_EQ(log.offset(), offset);
    log.write(3, 0, {});
  }
  EXPECT_EQ(read_bytes(path), "{\"step\": 1, \"epoch\": 0}\n{\"step\": 3, \"epoch\": 0}\n");
  MetricsLog more(path);
  more.write(4, 1, {});
  EXPECT_EQ(read_bytes(path).size(), more.offset());
  expect_error([&] { MetricsLog(path, 10'000); }, ErrorCode::kIo, "metrics.jsonl");
}

std::string only_event_file(const std::string& folder) {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_TRUE(found.empty());
    found = entry.path();
    EXPECT_NE(found.find("events.out.tfevents."), std::string::npos);
  }
  return found;
}

TEST(History, BeginsWithTheModelAsGivenAndWritesWhatIsNoNumberWithoutASign) {
  const TempFolder folder;
  {
    MetricsLog log(folder.path("metrics.jsonl"));
    log.write(0, 0, std::vector<Metric>{{"val/loss", 2.5}});
    log.write(3, 0, std::vector<Metric>{{"train/loss", 9}});  // within an epoch
    log.write(5, 1, std::vector<Metric>{{"train/loss", 1.5}});
    log.write(5, 1, std::vector<Metric>{{"val/loss", -std::nan("")}});
  }
  write_history(folder.path(""));
  EXPECT_EQ(read_bytes(folder.path("history.csv")),
            "epoch,step,train/loss,val/loss\n0,0,,2.5\n1,5,1.5,nan\n");
}

TEST(TensorBoardLog, PutsTrainAndValUnderEqualTags) {
  const TempFolder folder;
  TensorBoardLog log(folder.path("tb"));
  log.write(7, std::vector<Metric>{{"train/loss", 0.5}, {"opt/lr", 0.25}});
  EXPECT_FALSE(std::filesystem::exists(folder.path("tb/val"))) << "no validation yet";
  log.write(7, std::vector<Metric>{{"val/loss", 2.0}});
  const std::string train = read_bytes(only_event_file(folder.path("tb/train")));
  const std::string val = read_bytes(only_event_file(folder.path("tb/val")));
  // The end of a scalar event after its wall time: step 7, then the summary.
  const auto tail = [](std::string_view tag, float value) {
    return scalar_event(0, 7, tag, value).substr(9);
  };
  EXPECT_NE(train.find(tail("loss", 0.5f)), std::string::npos);
  EXPECT_NE(train.find(tail("opt/lr", 0.25f)), std::string::npos);
  EXPECT_NE(val.find(tail("loss", 2.0f)), std::string::npos);
  EXPECT_EQ(val.find("opt/lr"), std::string::npos);
  EXPECT_NE(train.find("brain.Event:2"), std::string::npos);
}

TEST(TensorBoardLog, AResumedRunGetsANewFileWithAStartMark) {
  const TempFolder folder;
  EventFile first(folder.path("tb"), 0);
  EventFile second(folder.path("tb"), 50);
  EXPECT_NE(first.path(), second.path());
  const std::string mark = start_event(0, 50).substr(9);
  EXPECT_NE(read_bytes(second.path()).find(mark), std::string::npos);
  EXPECT_EQ(read_bytes(first.path()).find(mark), std::string::npos);
}

}  // namespace
}  // namespace temper::training
