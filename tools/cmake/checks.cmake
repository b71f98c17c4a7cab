# The checks of tools/checks as CTest tests. Formatting is left to run.sh, which may have to install the formatter.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
foreach(check layers rules edits includes headers)
  add_test(NAME checks.${check}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/checks/check_${check}.py)
  set_tests_properties(checks.${check} PROPERTIES LABELS checks TIMEOUT 600)
endforeach()
set_tests_properties(checks.headers PROPERTIES LABELS "checks;slow")
