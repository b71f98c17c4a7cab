// Folders: making, listing, removing, renaming, temporary names.
#include "runtime/platform/folders.h"

#include <gtest/gtest.h>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/run_lock.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

TEST(Folders, AreMadeWithAllAboveThemAndTwice) {
  const TemporaryFolder folder;
  make_directories(folder.file("a/b/c/"));
  make_directories(folder.file("a/b/c"));
  EXPECT_TRUE(file_status(folder.file("a/b/c")).is_folder);
}

TEST(Folders, CannotBeMadeBelowAFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "x");
  EXPECT_THROW(make_directories(folder.file("a/b")), Error);
}

TEST(Folders, ANewOneIsMadeOnlyOnce) {
  const TemporaryFolder folder;
  EXPECT_TRUE(make_new_directory(folder.file("run-1")));
  EXPECT_FALSE(make_new_directory(folder.file("run-1")));
  EXPECT_THROW(make_new_directory(folder.file("missing/run-1")), Error);
}

TEST(Folders, AreListedSortedWithHiddenFiles) {
  const TemporaryFolder folder;
  for (const char* name : {"b", ".c", "a"}) {
    write_file_atomically(folder.file(name), "x");
  }
  EXPECT_EQ(list_directory(folder.path()), (std::vector<std::string>{".c", "a", "b"}));
}

TEST(Folders, AreNotRemovedWhenTheyHoldForeignFiles) {
  const TemporaryFolder folder;
  make_directories(folder.file("c"));
  write_file_atomically(folder.file("c/weights"), "x");
  write_file_atomically(folder.file("c/thesis"), "x");
  const std::vector<std::string> known = {"weights", "state"};
  try {
    remove_folder(folder.file("c"), known);
    FAIL() << "removed a foreign file";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("thesis"), std::string::npos) << error.message();
  }
  EXPECT_TRUE(file_status(folder.file("c/weights")).exists);
  remove_file(folder.file("c/thesis"));
  remove_folder(folder.file("c"), known);
  EXPECT_FALSE(file_status(folder.file("c")).exists);
}

TEST(Folders, AreNotRenamedOntoAFullOne) {
  const TemporaryFolder folder;
  make_directories(folder.file("new"));
  make_directories(folder.file("old"));
  write_file_atomically(folder.file("old/x"), "x");
  EXPECT_THROW(rename_directory(folder.file("new"), folder.file("old")), Error);
  rename_directory(folder.file("old"), folder.file("older"));
  EXPECT_TRUE(file_status(folder.file("older/x")).exists);
}

TEST(Folders, ReportFreeBytes) { EXPECT_GT(free_bytes("/tmp"), 0u); }

TEST(Paths, AreTakenApartAndJoined) {
  EXPECT_EQ(folder_of("a/b/c"), "a/b");
  EXPECT_EQ(folder_of("c"), ".");
  EXPECT_EQ(folder_of("/c"), "/");
  EXPECT_EQ(file_name_of("a/b/c"), "c");
  EXPECT_EQ(join_path("a/", "b"), "a/b");
  EXPECT_EQ(join_path("a", "/b"), "/b");
}

// Process 1 is there on every host and in every container, and says nothing about who wrote them.
TEST(Temporaries, ThatNobodyHoldsAreRemovedAndOthersAreKept) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file(".best.onnx.1.0.tmp"), "x");
  make_directories(folder.file(".step-5.1.1.tmp"));
  write_file_atomically(folder.file(".step-5.1.1.tmp/weights"), "x");
  write_file_atomically(folder.file("best.onnx"), "x");
  write_file_atomically(folder.file(".profile.tmp"), "x");
  make_directories(folder.file(".step-6.1.2.tmp"));
  const RunLock writing(folder.file(".step-6.1.2.tmp"));
  AtomicFile last(folder.file("last.onnx"));
  EXPECT_EQ(remove_stale_temporaries(folder.path()), 2);
  EXPECT_EQ(list_directory(folder.path()).size(), 4u);
  last.commit();
  EXPECT_TRUE(file_status(folder.file("last.onnx")).is_regular);
}

TEST(Temporaries, ANameThatIsTakenIsNotWrittenTo) {
  const TemporaryFolder folder;
  const std::string taken = temporary_path(folder.file("a"));
  const std::string process = taken.substr(0, taken.rfind('.', taken.size() - 5));
  const int counter = std::stoi(taken.substr(process.size() + 1));
  // Its own temporary file takes the next number, so that of "a" would be this one.
  const std::string next = process + "." + std::to_string(counter + 2) + ".tmp";
  write_file_atomically(next, "of another container");
  write_file_atomically(folder.file("a"), "mine");
  EXPECT_EQ(read_text_file(folder.file("a"), 100), "mine");
  EXPECT_EQ(read_text_file(next, 100), "of another container");
}

}  // namespace
}  // namespace temper
