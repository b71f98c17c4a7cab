# Installs headers below include/temper, the libraries, the command, and the files for find_package(temper).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY TEMPER_MODULES)
list(FILTER modules EXCLUDE REGEX "^temper_tools_")
add_library(temper_library INTERFACE)
target_link_libraries(temper_library INTERFACE ${modules})
set_target_properties(temper_library PROPERTIES EXPORT_NAME temper)
add_library(temper::temper ALIAS temper_library)

install(TARGETS temper_library temper_options temper_numerics ${modules} EXPORT temperTargets)
if(TARGET temper_onnx_wire)
  install(TARGETS temper_onnx_wire EXPORT temperTargets)
endif()
if(TARGET temper)
  install(TARGETS temper)
endif()
foreach(folder runtime graph backends training models)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper
    FILES_MATCHING PATTERN "*.h")
endforeach()
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/temper)
install(EXPORT temperTargets NAMESPACE temper:: DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/temperConfig.cmake.in
  ${PROJECT_BINARY_DIR}/temperConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/temperConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/temperConfig.cmake ${PROJECT_BINARY_DIR}/temperConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
