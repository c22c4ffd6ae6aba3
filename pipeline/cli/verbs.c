/* The small verbs. */
#include "verbs.h"

#include <string.h>

#include "host_frame.h"
#include "phantom.h"
#include "protocol.h"

int dm_tell(dm_status s) {
    if (s.severity == DM_OK) return DM_EXIT_DONE;
    fprintf(stderr, "duramap: %s: %s\n", s.code, s.text);
    if (dm_good(s)) return DM_EXIT_DONE;
    return !strcmp(s.code, "config") || !strcmp(s.code, "device_not_found") ? DM_EXIT_USAGE : DM_EXIT_FATAL;
}

dm_status dm_open_device(const char *want, long long memory_mb, dm_gpu **gpu) {
    DM_TRY(dm_gpu_open(want, (uint64_t)memory_mb << 20, gpu));
    const dm_gpu_info *d = dm_gpu_describe(*gpu);
    fprintf(stderr, "device: %s (%s, driver %s)\n", d->name, d->platform, d->driver);
    return dm_ok;
}

int dm_verb_version(int argc, char **argv) {
    static const dm_verb_help help = {"version", "Prints the version.", "duramap version"};
    int words, code = dm_options_parse(argc, argv, &help, NULL, 0, &words);
    if (code >= 0) return code;
    printf("duramap %s\n", DURAMAP_VERSION);
    return DM_EXIT_DONE;
}

int dm_verb_devices(int argc, char **argv) {
    static const dm_verb_help help = {
        "devices", "Lists the OpenCL devices: number, kind, name, memory. --device of other verbs takes any of them.",
        "duramap devices"};
    int words, code = dm_options_parse(argc, argv, &help, NULL, 0, &words);
    return code >= 0 ? code : dm_tell(dm_gpu_list(stdout));
}

int dm_verb_check(int argc, char **argv) {
    static const dm_verb_help help = {
        "check FILE.ini|FOLDER  or  check --reference",
        "Checks protocol files: every key, type and range, with file and line. --reference prints every section and key\n"
        "with unit, range, default and meaning (configs/reference.ini is made by it).",
        "duramap check configs/protocols/ctm.ini"};
    int reference = 0, words;
    const dm_option options[] = {{"--reference", DM_FLAG, &reference, NULL, "print the reference of all parameters"}};
    int code = dm_options_parse(argc, argv, &help, options, 1, &words);
    if (code >= 0) return code;
    if (reference) {
        dm_protocol_write_reference(stdout);
        return DM_EXIT_DONE;
    }
    if (words < 1) {
        fprintf(stderr, "duramap: check needs a protocol file or a folder of them\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    for (int i = 0; i < words; i++) {
        dm_protocols p = {0};
        code = dm_tell(dm_protocols_load(argv[i], &p));
        if (code != DM_EXIT_DONE) return code;
        for (int k = 0; k < p.n; k++) printf("%s: good, digest %.16s\n", p.p[k].name, p.p[k].digest);
        dm_protocols_clear(&p);
    }
    return DM_EXIT_DONE;
}

/* Draws the studies, or paints them into the host. */
static dm_status make_phantoms(dm_gpu *gpu, const char *host, dm_phantom_options *o) {
    if (!host) return dm_phantom_make(gpu, o);
    dm_host_frame frame;
    dm_status s = dm_host_open(gpu, host, &frame);
    o->host = &frame.host;
    if (dm_good(s) && o->kind && !dm_ph_host_allows(&frame.host, o->kind))
        s = dm_fail(DM_FATAL, "host_kind", "a leak of kind %s cannot be painted: its levels are not in the host", o->kind);
    if (dm_good(s)) s = dm_phantom_make(gpu, o);
    dm_host_clear(&frame);
    return s;
}

static int known_kind(const char *kind) {
    if (!kind || dm_phantom_knows(kind)) return 1;
    fprintf(stderr, "duramap: there is no kind '%s'; the kinds are:", kind);
    for (int i = 0; dm_phantom_kinds[i]; i++) fprintf(stderr, " %s", dm_phantom_kinds[i]);
    fputs(" two_phase\n", stderr);
    return 0;
}

int dm_verb_phantom(int argc, char **argv) {
    static const dm_verb_help help = {
        "phantom --out DIR --cases N --seed S [--host STUDY] [--protocol P] [--kind K] [--size small|full]",
        "Makes digital reference objects: archived DICOM studies (zip, tar, tar.gz, tar.zst in turn), with truth.json and\n"
        "reference.csv. The same words give the same bytes. They are drawn, not scanned: synthetic everywhere. With --host\n"
        "intrathecal contrast, leaks, outpouchings and veins are painted into a real CT without contrast instead: its anatomy,\n"
        "noise and blur; its bone and the fat that it shows stay, the line is that of duramap's own stages.",
        "duramap phantom --out cohort --cases 24 --seed 1 --size small"};
    dm_phantom_options o = {0};
    long long cases = 1, seed = 1;
    const char *size = "small", *device = NULL, *host = NULL;
    const dm_option options[] = {
        {"--out", DM_WORD, &o.out, "DIR", "folder for the archives and the truth (made if missing)"},
        {"--cases", DM_WHOLE, &cases, "N", "number of studies (1)"},
        {"--seed", DM_WHOLE, &seed, "S", "seed (1)"},
        {"--host", DM_WORD, &host, "STUDY", "paint into this CT without contrast (archive, folder or NIfTI file)"},
        {"--protocol", DM_WORD, &o.protocol, "P", "ctm, ct_plain or mrm; all in turn without it"},
        {"--kind", DM_WORD, &o.kind, "K", "none, ventral, ... in turn without it; two_phase by name alone: a tear in two passes"},
        {"--size", DM_WORD, &size, "small|full", "about 15 million voxels, or 512 x 512 x 600 (small)"},
        {"--device", DM_WORD, &device, "D", "OpenCL device"},
    };
    int words, code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &words);
    if (code >= 0) return code;
    o.cases = (int)cases;
    o.seed = (uint64_t)seed;
    o.full = !strcmp(size, "full");
    int size_known = o.full || !strcmp(size, "small");
    int protocol_known = !o.protocol || !strcmp(o.protocol, "ctm") || !strcmp(o.protocol, "mrm") || !strcmp(o.protocol, "ct_plain");
    if (!o.out || words || cases < 1 || cases > 100000 || !size_known || !protocol_known || !known_kind(o.kind)) {
        fprintf(stderr, "duramap: phantom needs --out, 1 to 100000 --cases, --size small or full, --protocol ctm, ct_plain or "
                        "mrm\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    dm_gpu *gpu = NULL;
    dm_status s = dm_open_device(device, 0, &gpu);
    if (dm_good(s)) s = make_phantoms(gpu, host, &o);
    dm_gpu_close(gpu);
    return dm_tell(s);
}
