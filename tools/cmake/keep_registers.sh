#!/bin/sh
# Runs a compiler for TemperCuda.cmake: keep_registers.sh OBJECT COMPILER ARGUMENTS... What ptxas says of a kernel's registers goes to
# OBJECT.registers, which tools/checks/check_spills.py reads; whatever else is said is said.
object=$1
shift
case $object in
  *.cu.o) ;;
  *) exec "$@" ;;
esac
status=0
said=$("$@" 2>&1) || status=$?
report='^(ptxas info|    [0-9]+ bytes stack frame|$)'
printf '%s\n' "$said" | grep -E "$report" >"$object.registers"
printf '%s\n' "$said" | grep -vE "$report" >&2
exit $status
