#include "pseudonym.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

static dm_status make_key(const char *path, dm_key *key) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = 0;
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return dm_fail(DM_FATAL, "key", "%s: cannot make the folder: %s", folder, strerror(errno));
    }
    if (RAND_bytes(key->bytes, (int)sizeof key->bytes) != 1)
        return dm_fail(DM_FATAL, "key", "no random numbers for a new key");
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkstemp(temporary); /* with mode 0600 */
    if (fd < 0) return dm_fail(DM_FATAL, "key", "%s: cannot make the key: %s", path, strerror(errno));
    int wrong = write(fd, key->bytes, sizeof key->bytes) != (ssize_t)sizeof key->bytes || fsync(fd) != 0;
    wrong |= close(fd) != 0;
    /* Into place whole, and never over a key that another run has made meanwhile: that one counts for both. */
    int linked = !wrong && link(temporary, path) == 0, lost = !wrong && !linked && errno == EEXIST;
    if (!wrong && !linked && !lost) linked = rename(temporary, path) == 0; /* a file system without links */
    dm_status s = linked || lost ? dm_ok : dm_fail(DM_FATAL, "key", "%s: cannot write the key: %s", path, strerror(errno));
    unlink(temporary);
    return lost ? dm_key_open(path, key) : s;
}

dm_status dm_key_open(const char *path, dm_key *key) {
    int fd = open(path, O_RDONLY);
    if (fd < 0 && errno == ENOENT) return make_key(path, key);
    if (fd < 0) return dm_fail(DM_FATAL, "key", "%s: cannot read the key: %s", path, strerror(errno));
    unsigned char bytes[sizeof key->bytes + 1];
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n != (ssize_t)sizeof key->bytes)
        return dm_fail(DM_FATAL, "key", "%s: a key is %d bytes, this is not; give the right file with --key", path,
                       (int)sizeof key->bytes);
    memcpy(key->bytes, bytes, sizeof key->bytes);
    return dm_ok;
}

void dm_pseudonym(const dm_key *key, const char *domain, const char *text, char out[17]) {
    static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
    size_t nd = strlen(domain), nt = strlen(text);
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned length = 0;
    unsigned char *message = malloc(nd + 1 + nt + 1);
    memset(out, 0, 17);
    if (!message) return; /* an empty pseudonym: the caller refuses the study */
    memcpy(message, domain, nd);
    message[nd] = '|';
    memcpy(message + nd + 1, text, nt);
    HMAC(EVP_sha256(), key->bytes, (int)sizeof key->bytes, message, nd + 1 + nt, mac, &length);
    free(message);
    for (int i = 0; i < 16; i++) {
        int bit = i * 5;
        unsigned pair = (unsigned)mac[bit / 8] << 8 | mac[bit / 8 + 1];
        out[i] = base32[pair >> (11 - bit % 8) & 31];
    }
}

double dm_date_shift(const dm_key *key, const char *patient) {
    enum { DAY = 86400, DAYS_OF_120_YEARS = 43830 };
    char word[17];
    unsigned long long secret = 0;
    dm_pseudonym(key, "date", patient, word);
    for (int i = 0; i < 12; i++) /* 60 bits, five by each letter of base 32 */
        secret = secret << 5 | (unsigned long long)(word[i] >= 'a' ? word[i] - 'a' : word[i] - '2' + 26);
    return (double)DAYS_OF_120_YEARS * DAY + (double)(secret % (365ull * DAY));
}

static void hex(const unsigned char *bytes, char out[65]) {
    for (int i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void dm_digest(const void *bytes, size_t count, char out[65]) {
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(bytes, count, sum, NULL, EVP_sha256(), NULL);
    hex(sum, out);
}

struct dm_hasher {
    EVP_MD_CTX *md;
    int good;
};

dm_hasher *dm_hasher_new(void) {
    dm_hasher *h = malloc(sizeof *h);
    if (!h) return NULL;
    h->md = EVP_MD_CTX_new();
    h->good = h->md && EVP_DigestInit_ex(h->md, EVP_sha256(), NULL);
    return h;
}

void dm_hasher_add(dm_hasher *h, const void *bytes, size_t count) {
    h->good = h->good && EVP_DigestUpdate(h->md, bytes, count);
}

int dm_hasher_end(dm_hasher *h, char out[65]) {
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    if (!h) return 0;
    int good = out && h->good && EVP_DigestFinal_ex(h->md, sum, NULL);
    if (good) hex(sum, out);
    EVP_MD_CTX_free(h->md);
    free(h);
    return good;
}

dm_status dm_digest_file(const char *path, char out[65]) {
    dm_stream *s = dm_stream_open(path, 1);
    if (!s) return dm_fail(DM_STUDY, "unreadable", "%s: %s", path, strerror(errno));
    int good = dm_stream_digest(s, out);
    dm_stream_close(s);
    return good ? dm_ok : dm_fail(DM_STUDY, "unreadable", "%s: cannot be read to its end", path);
}
