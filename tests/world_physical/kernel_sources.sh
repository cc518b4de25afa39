# Sourced by the build_modules.sh of worlds whose kernel is the world's nt.c with some functions anew. From them:
# here, world (the folder of the world's modules), out, and renamed, the functions as alternatives of a regular expression.
sources=$here/../world/modules
mkdir -p "$out"
out=$(cd "$out" && pwd)
for driver in fltmgr mup rdbss mrxsmb mrxsmb20; do
  cp "$world/$driver.sys" "$world/$driver.sys.map" "$world"/"$driver"*.pdb "$out" 2>/dev/null || true
done
cp "$world/fltMgr.pdb" "$out"
for file in nt.c nt.h nt_stubs.S; do
  sed -E "s/\\b($renamed)\\b/\\1Seed1/g" "$sources/$file" >"$out/$file"
done

# The debug information of what is compiled: codeview, for a PDB, or dwarf.
case ${debug_format:=codeview} in
  dwarf) debug_options="-gdwarf-5" ;;
  *) debug_options="-g -gcodeview -gno-codeview-command-line" ;;
esac

# compile SOURCE OBJECT [OPTIONS]
compile() {
  source=$1 object=$2
  shift 2
  # shellcheck disable=SC2086
  clang-19 --target=x86_64-pc-windows-msvc -c "$source" -o "$out/$object" -I "$sources" \
    -std=gnu17 -ffreestanding -fno-builtin -fasynchronous-unwind-tables -fno-stack-protector -Wall -Wextra -Werror \
    $debug_options -fdebug-prefix-map="$here/modules=d:/world" \
    -fdebug-prefix-map="$sources=d:/world" -fdebug-prefix-map="$out=d:/world" \
    -ffile-compilation-dir=d:/world -Xclang -object-file-name="d:/world/$object" -mno-incremental-linker-compatible "$@"
}
