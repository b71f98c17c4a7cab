# The library as others see it, temper::temper, and its installation: headers below include/temper, the libraries, the command, and the
# files for find_package(temper).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY TEMPER_MODULES)
list(FILTER modules EXCLUDE REGEX "^temper_tools_")
if(BUILD_SHARED_LIBS)
  # One library of all modules. It exports what is in namespace temper and keeps everything else, other libraries' code above all, to itself.
  set(exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
  get_property(libraries GLOBAL PROPERTY TEMPER_LIBRARIES)
  add_library(temper_library SHARED)
  foreach(module IN LISTS modules)
    get_target_property(kind ${module} TYPE)
    if(kind STREQUAL STATIC_LIBRARY)
      target_sources(temper_library PRIVATE $<TARGET_OBJECTS:${module}>)
    endif()
  endforeach()
  target_link_libraries(temper_library PUBLIC temper_options PRIVATE ${libraries})
  target_link_options(temper_library PRIVATE -Wl,--version-script=${exports} -Wl,-Bsymbolic-functions)
  set_target_properties(temper_library PROPERTIES OUTPUT_NAME temper LINKER_LANGUAGE CXX LINK_DEPENDS ${exports}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  install(TARGETS temper_library temper_options temper_numerics EXPORT temperTargets)
else()
  add_library(temper_library INTERFACE)
  target_link_libraries(temper_library INTERFACE ${modules})
  install(TARGETS temper_library temper_options temper_numerics ${modules} temper_onnx_wire EXPORT temperTargets)
endif()
set_target_properties(temper_library PROPERTIES EXPORT_NAME temper)
add_library(temper::temper ALIAS temper_library)

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
