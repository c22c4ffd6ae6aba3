#!/bin/sh
# Fuzzes what reads untrusted bytes, with libFuzzer under the address and undefined sanitizers: archive -> catalogue and bytes ->
# image and volume, half of the time each. Seeds are small archives and objects made here, the inputs in tests/malformed/inputs, and files of
# the zoo where it is at hand. What is found is left in build-fuzz/found: mend it and keep it there as a regression input.
# usage: ci/fuzz.sh SECONDS [CORPUS]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: ci/fuzz.sh SECONDS [CORPUS]}
build=build-fuzz
corpus=${2:-$build/corpus}
clang=$(command -v clang || command -v clang-14) || { echo "ci/fuzz.sh: no clang; sh ci/install.sh --with-checkers" >&2; exit 1; }
mkdir -p "$build/obj" "$build/found" "$corpus/dicom" "$corpus/archive" "$build/seeds"

# Only the layer that reads, instrumented; a compiler of its own, so no part of the ordinary build.
libraries="$(pkg-config --libs libarchive libopenjp2 libdeflate) -ldcmjpeg -ldcmjpls -ldcmdata -loflog -lofstd -lz -lcrypto -lnifti2"
flags="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -D_POSIX_C_SOURCE=200809L
 -D_DEFAULT_SOURCE -iquote io -iquote tests -I/usr/include/nifti $(pkg-config --cflags libarchive libopenjp2)"
objects=""
for source in io/archive.c io/archive_level.c io/archive_write.c io/gunzip.c io/unzip.c io/folder.c io/container.c io/stream.c \
    io/pseudonym.c io/series.c io/series_split.c io/series_fill.c io/series_pixels.c io/store.c io/sop_class.c io/volume.c io/nifti.c \
    io/dicom_walk.c io/jpeg2000.c io/jpegls.c io/rle.c io/status.c \
    io/dicom.cc io/dicom_facts.cc io/dicom_pixels.cc io/dicom_write.cc; do
    object=$build/obj/$(basename "$source" | tr . _).o
    objects="$objects $object"
    [ "$object" -nt "$source" ] && [ -z "$(find io -name '*.h*' -newer "$object")" ] && continue
    case $source in
    *.cc) standard=c++17 ;;
    *) standard=c11 ;;
    esac
    # shellcheck disable=SC2086 # lists of words
    $clang -std=$standard $flags -fsanitize=fuzzer-no-link -c "$source" -o "$object"
done
for target in dicom archive; do
    # shellcheck disable=SC2086
    $clang -std=gnu11 $flags -D_GNU_SOURCE -fsanitize=fuzzer-no-link -c "tests/fuzz/fuzz_$target.c" -o "$build/obj/fuzz_$target.o"
    # shellcheck disable=SC2086
    $clang++ $flags -fsanitize=fuzzer "$build/obj/fuzz_$target.o" $objects $libraries -o "$build/fuzz_$target"
done
# shellcheck disable=SC2086
$clang -std=gnu11 $flags -c tests/fuzz/make_seeds.c -o "$build/obj/make_seeds.o"
# shellcheck disable=SC2086
$clang++ $flags -fsanitize=fuzzer-no-link "$build/obj/make_seeds.o" $objects $libraries -o "$build/make_seeds"
rm -rf "$build/seeds"
mkdir -p "$build/seeds/dicom" "$build/seeds/archive"
ASAN_OPTIONS=detect_leaks=0 "$build/make_seeds" "$build/seeds"
cp tests/malformed/inputs/*.dcm "$build/seeds/dicom"
cp tests/malformed/inputs/*.zip tests/malformed/inputs/*.7z "$build/seeds/archive"
zoo=${DURAMAP_SHARED:-../shared/data}/dicom-zoo.tar.zst
if [ -r "$zoo" ] && command -v zstd >/dev/null; then
    mkdir -p "$build/zoo"
    [ -e "$build/zoo/done" ] || { zstd -dqc "$zoo" | tar -xf - -C "$build/zoo" && touch "$build/zoo/done"; }
    find "$build/zoo" -type f -size -60k ! -name '*.txt' ! -name '*.json' ! -name '*.dump' | while read -r file; do
        cp "$file" "$build/seeds/dicom/$(echo "$file" | cksum | cut -d' ' -f1)"
    done
fi

# 4400 MB in one piece: LZMA may claim a dictionary of 4 GiB, which is memory only as far as it is filled; so nothing fills it.
failed=0
for target in dicom archive; do
    LSAN_OPTIONS=suppressions=tests/fuzz/leaks.txt:print_suppressions=0 ASAN_OPTIONS=allocator_may_return_null=1:max_free_fill_size=4096:max_malloc_fill_size=4096 \
        nice -n 19 "$build/fuzz_$target" -max_total_time=$((seconds / 2 + 1)) -timeout=20 -rss_limit_mb=3000 -malloc_limit_mb=4400 \
        -max_len=65536 -artifact_prefix="$build/found/$target-" "$corpus/$target" "$build/seeds/$target" >"$build/$target.log" 2>&1 ||
        { failed=1; grep -E 'ERROR|SUMMARY|Test unit' "$build/$target.log"; }
    echo "fuzz_$target: $(grep -oE '^#[0-9]+' "$build/$target.log" | tail -n 1) inputs, $(tail -n 1 "$build/$target.log")"
done
exit $failed
