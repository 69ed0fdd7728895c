"""Requests whose proof is no header over the body: tokens, forms, fields of the body, keys at the provider's host.

Where `source` names a library or a document, the values are published there. Where it says computed, PyJWT or
cryptography signed them with a key that was thrown away.
"""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from tests.unit.runtime.vectors import Vector

URL = "https://hooks.example.com/nami/shopify"
BODY = b'{"id":"e-1","event":{"id":"e-1"},"webhookId":"w1","data":{"id":"d1"}}'
SECRET = "a-secret-of-thirty-two-characters"

_FUSIONAUTH = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyZXF1ZXN0X2JvZHlfc2hhMjU2IjoieFJYaGFnaEFFaU5Jam51eVVaR1dvanBxYld0bkYrU"
    "3VtTEU2Y1dkUm01VT0ifQ.DewtDOdt_H7f8vGkTyZ0urqdYAdODMm5V4b_c0PHvJg"
)
_LIVEKIT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhcGkta2V5IiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAwNjAsIm5iZ"
    "iI6MTcwMDAwMDAwMCwic2hhMjU2IjoieFJYaGFnaEFFaU5Jam51eVVaR1dvanBxYld0bkYrU3VtTEU2Y1dkUm01VT0ifQ.BM-"
    "vmLd0n_sNdcvpxCtatD7RVjhKSYzwdOfnsTEcXiQ"
)
_NETLIFY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJuZXRsaWZ5Iiwic2hhMjU2IjoiYzUxNWUxNmEwODQwMTIyMzQ4OGU3YmIyNTE5M"
    "Tk2YTIzYTZhNmQ2YjY3MTdlNGFlOThiMTNhNzE2NzUxOWI5NSJ9.4Jyk0DaGEt0N88Yx0k8wPvAmJ595kM5zf30oskczOCE"
)
_VONAGE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImp0aSI6ImotMSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfa"
    "GFzaCI6ImM1MTVlMTZhMDg0MDEyMjM0ODhlN2JiMjUxOTE5NmEyM2E2YTZkNmI2NzE3ZTRhZTk4YjEzYTcxNjc1MTliOTUifQ.7fk5P-"
    "g7T_ivsBKJKUr_14f98chIQuhJTNkWCvj-hcc"
)
_GOOGLE = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImctMSIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL25hbWkvc2hvc"
    "GlmeSIsImVtYWlsIjoicHVzaEBwcm9qZWN0LmlhbS5nc2VydmljZWFjY291bnQuY29tIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImlzcyI6Imh"
    "0dHBzOi8vYWNjb3VudHMuZ29vZ2xlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwfQ.EX5UUJJHhgfS2iKIVNsY3D62Nl"
    "O6V9qDPE9UGRTZhCOxcE6ff9vQ9SIUIGv4zaTagfAkI-i19OcT0n-6b811FFagY8rpeh_CTS2qQxKbJXhmGvDEmuGMP0n0r-"
    "jhHrkRPuwhrTuuaKp8Fni2HrTbDIOXomm_apiESPDK9-z4LZsDpoIzh-_9ohx-"
    "XWnqQchzGwj5_WUNOnO2T3TaK2w8b7Iz_dW32GxFlZOxgRq8eSjupotCbKvtzbyu-ndVDMn_sJP4fTf8HMTD-"
    "DA_vhxoiHHqbwvOGKeP42Sbb9LuDhD00JKguT7o23xGSHhL_JwZ4ApxatiJR9iE3gVDm5SwNw"
)
_RSA_N = (
    "qB-coBiPytKdAGNEr-"
    "v4FORWJV7f0ZMoKTmWX9qNKHJV07aYHOJzQEdY1PfEUJzWH4UB0GAtzSSZ1mytm0FPiWcpaOFMZ00MbSKa6G2G6e8IpguVwj8YwQx8cGhQ_PJM"
    "lcaFiT7eK3ulICyYDX5gfR3bF1lHh-QNLdzQjbcNQU9Pn8Mk98Ksw2SpfIO2WmwKr_aBYXZk9WNPWP9cfmv_cm7FwZybkdXXWwu2kAyOUitkJY"
    "loFszR796yPrtn8q5OK2u3RZjSFuFJd-BGVwba4fQFN_6jeCAh_lunglQg-8Kruw0CoY1Q2GMB7gAT_GF8o63J1vj51_Gi-cYvUL8b4Q"
)
_WIX = (
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJkYXRhIjoie30iLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMH0.TGuWGCbx_"
    "0-nsEOKqlSjhpfyJhSQq_eWyaiAVPztyyfsbZQ-gni9X6JohbT9Jdb7bBNkSxXwEgyZwP5iYjynU68ygCpnPdp781aQUTDLl5oxmd8ztBXJP-Y"
    "rgDjN1FSv3W2d1cZGCtfe0CsAkA4C_tOP1OEoQepnNfXDeH1Q11fuhdoyKiRCIEi7FI6iRFYk46jBW_bNxEopf4JVLDhMJ4JOoTZchKtLG3Dsq"
    "FY5zv3Qwrv2zWcGBXEP8oAA4L7KGjLLPhUFqf2BMkh2YSo3M4kR5x4AyshjpepX7BlhiXdOehZm7l283MH45LozEO9gAgvSjowFH5E6IozK6Lm"
    "ddg"
)
_RSA_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqB+coBiPytKdAGNEr+v4FORWJV7f0ZMoKTmWX9qNKHJV07aYHOJzQEdY1PfEUJzWH4"
    "UB0GAtzSSZ1mytm0FPiWcpaOFMZ00MbSKa6G2G6e8IpguVwj8YwQx8cGhQ/PJMlcaFiT7eK3ulICyYDX5gfR3bF1lHh+QNLdzQjbcNQU9Pn8Mk"
    "98Ksw2SpfIO2WmwKr/aBYXZk9WNPWP9cfmv/cm7FwZybkdXXWwu2kAyOUitkJYloFszR796yPrtn8q5OK2u3RZjSFuFJd+BGVwba4fQFN/6jeC"
    "Ah/lunglQg+8Kruw0CoY1Q2GMB7gAT/GF8o63J1vj51/Gi+cYvUL8b4QIDAQAB"
)
_PLAID = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImJmYmQ1MTExLThlMzMtNDY0My04Y2VkLWIyZTY0MmE3MmYzYyIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3M"
    "DAwMDAwMDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiJjNTE1ZTE2YTA4NDAxMjIzNDg4ZTdiYjI1MTkxOTZhMjNhNmE2ZDZiNjcxN2U0YWU5OGI"
    "xM2E3MTY3NTE5Yjk1In0.r2QD1jmjMRGsGG_AMQkgE73e25tAy4ERLR2G8POxnOK-dzhfs5Oy2YB-rX42gFEQKFDr3hdVD082lAOAuESK9w"
)
_EC_X = "SiWA1_2xBOuzPWNXVLII3M7C1uaAP5ToPciEV7Hz9hU"
_EC_Y = "H3LMoVOr0oPEM4QqP9Fux0QBW815Sfm_b8J5Vvd5Vvo"
_ED_KEY = "ac0d7c227b6f1ba4a5f76d571ac78eecbf6739e8f40e02e9554361253283f3a3"
_DISCORD = (
    "d153318f31b991cb8b52017a82a7a6be8f76b74e435edf8dea10cc03ce597717d32ba36d58e1dd2963684db5dd27ab5c33a5bfa8a605c3"
    "5bbc0113cd64329009"
)
_HIGHLEVEL = "AWWUNB2htdKEeBPeIihIVbFFAvbSpJe+G0H24++kuz0s4XiSq8WQRCupYQ6jxga/okGkg477S8WoGeDnyIqtBA=="
_MANUS = (
    "Gt1NamXI/GC+JYQZaP+gaE3EIgcyqqZpgLSO+JU1t7VBipUur7EZ2G/YZnl52XGBK5GWNveYtoIdocsX/pTscmXqZhECP4PrUegw+1pXRhNpdS"
    "JL62itwdUZwl95pbWfrH0fbZrJ1ag2/WWRxzGWZoAMAr/wraEiBVVKkl+Q9aPheULhI8SdQ1g9OlTfKWzcC8D76exMqNfrwrKucFEd+U7NWCFk"
    "KxMBlhpoybHtWpzzzjCb2cTgymgViN6gSPY2VNpiVDvQEXCWz4l88xag3/1pKPOQ2paKB3dhC0pK0v3AXKb1EjE3qXaDt4YxtxaUfxTTne7u7x"
    "2YWaO6BKIzgw=="
)
_SNS_CERT = (
    "MIIF1zCCBL+gAwIBAgIQB9pYWG3Mi7xej22g9pobJTANBgkqhkiG9w0BAQsFADBGMQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRUwEw"
    "YDVQQLEwxTZXJ2ZXIgQ0EgMUIxDzANBgNVBAMTBkFtYXpvbjAeFw0yMTA5MDcwMDAwMDBaFw0yMjA4MTcyMzU5NTlaMBwxGjAYBgNVBAMTEXNu"
    "cy5hbWF6b25hd3MuY29tMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAutFqueT3XgP13udzxE6UpbdjOtVO5DwoMpSMiDNMnGzF1T"
    "YH5/R2LPUOBeTB0SkKnR4kpNcUZhicpGD4aKciz/GEZ6wu65xncfT9H/KBOQwoXYTuClHwp6fYpGzcGFaFoEYMnijL/o4qmTSd+ukglQUgKpsD"
    "w4ofw6rUm2CttJo+GQSNQ9NfGR1h/0J+zsApkeSYrXRx5wNlu87z8os1C/6PBrUHwt3xXeafXzfwut8aRRYsS8BySOA9DAgLfNHlfdQCjKPXKr"
    "G/ussgReyWD6n/HH+j7Uha3xosTzQqJifcxlTq6MxWdPR6fDaJNvqw6DOE7UjUNxHguXHlVfxhlQIDAQABo4IC6TCCAuUwHwYDVR0jBBgwFoAU"
    "WaRmBlKge5WSPKOUByeWdFv5PdAwHQYDVR0OBBYEFAqzC+vyouneE7mWWLbi9i0UsWUbMBwGA1UdEQQVMBOCEXNucy5hbWF6b25hd3MuY29tMA"
    "4GA1UdDwEB/wQEAwIFoDAdBgNVHSUEFjAUBggrBgEFBQcDAQYIKwYBBQUHAwIwOwYDVR0fBDQwMjAwoC6gLIYqaHR0cDovL2NybC5zY2ExYi5h"
    "bWF6b250cnVzdC5jb20vc2NhMWIuY3JsMBMGA1UdIAQMMAowCAYGZ4EMAQIBMHUGCCsGAQUFBwEBBGkwZzAtBggrBgEFBQcwAYYhaHR0cDovL2"
    "9jc3Auc2NhMWIuYW1hem9udHJ1c3QuY29tMDYGCCsGAQUFBzAChipodHRwOi8vY3J0LnNjYTFiLmFtYXpvbnRydXN0LmNvbS9zY2ExYi5jcnQw"
    "DAYDVR0TAQH/BAIwADCCAX0GCisGAQQB1nkCBAIEggFtBIIBaQFnAHYAKXm+8J45OSHwVnOfY6V35b5XfZxgCvj5TV0mXCVdx4QAAAF7vfDVkQ"
    "AABAMARzBFAiEA2XfHuy36aqRFiaL8c3md2mH451go8707+fRE0pEdSRACIE/g5FXTUXUZPFcmOhm9TZ+uMY1i4CIQ/CKVWln6C3t+AHYAUaOw"
    "9f0BeZxWbbg3eI8MpHrMGyfL956IQpoN/tSLBeUAAAF7vfDVjAAABAMARzBFAiBF1MhhFP0+FQt3daDFfMYoWwnrmuTInrjNpwfzlvQBugIhAP"
    "YadFzr+LaxSJoiZEbEHBvTts7bT0M3eCQONA2O7w6nAHUAQcjKsd8iRkoQxqE6CUKHXk4xixsD6+tLx2jwkGKWBvYAAAF7vfDVdAAABAMARjBE"
    "AiAtPapmFAuA71ih4NoSd5hJelzAltNQpxDMcDfDyHyU8gIgWxmaa6+2KbBu9xdv379zvnJACFR7jc+4asl08Dn4aagwDQYJKoZIhvcNAQELBQ"
    "ADggEBAA54QX0uoFWXfMmv02CGZv4NWo5TapyeeixQ2kKpZHRdVZjxZrw+hoF6HD7P3kGjH8ztyJlltDxB0qgMltbPhQdScwhA6iTgoaBYqEUC"
    "/VHKd4PmmPT6yIsM36NBZVmkGlzl5uNo/dBgBaG0SsVJnhr5zro3c2quC7n6fVGEZhf/UgQwRnnvThnvbNKguglDMq4uEqv8njKyleht+glkcm"
    "XO0m9qLKt6BOS0amy6U2GlAwRn0Wx02ndJtnRCSC6kPuRWK/SQFEjB7gCK4hdKaAOuWdZpI55vF6ifOeM8toC3g7ofO8qLTnJupAG+ZitY5J3c"
    "vHWrHqOUdKigPDHYLRo="
)
_SNS_1 = (
    "AItkS26d8yvnIKJevdirIPW7eM/yKbZy3/CF2EreCHmXWB3etWaV5Fb7SYpGABMpugpDZzNyGY1wCVWaopDoQ+7Q/kI2TpDu8bw1eExbi8U3kd"
    "uvc/2m2fIrI4gDEY8/v3nzoLcr8pPodqMzrX6SzQou4klfaqbNK+rFmH0LVf2Q1VyOROODoSXmo4jg2Yu12jfxccBl96Drr/ihq4MJ4OcrWh6U"
    "zXXlVYjJHx2Ui4anNwNEb+Z4C2CAF1DjQUbhDtaoajDBPY+4d9C1OwbqwQpXsd6tyVcI9nFyEsVK8lfnAV+/3GZQcdXHbIUYBRGcBa4X5TlWJk"
    "u5nDH2ERtHHw=="
)
_SNS_2 = (
    "CXVqp9PfZAL+4JHS3Zxo1PFbQsvnOjvmYhtIf17TWpwc+iIVas8kZ8GopuzVzVMdatE7rCl/O4P91Zp05Dwz8lk8dLhfp8gSu3Njlzxlyrmzo9"
    "x3va3Jb7zFnedgS2GKnZWHGBdwTXho+TosNUE+3e10OMSlwN5XGDwX7+R3WL+rn+AXmFAqp3alg27sYa55h1dLE9cGszGPjScPdtF3BmZsUDMx"
    "9wSdNKsCk+vSvE8yBjnCmUl7laSFj3LzPVrlSwgNYCF3kYnNAkah7NplK4SFhJYLwS0HCVCQJKa8rVbQLf9cBTu60U402mrgy0bN8xWoyimzbY"
    "brOMJjalqkUg=="
)
_PAYPAL_CERTIFICATE = (
    "MIIHqDCCBpCgAwIBAgIQCSVMkxB1Kw9SPZtpAr3lTDANBgkqhkiG9w0BAQsFADB1MQswCQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcnQgSW"
    "5jMRkwFwYDVQQLExB3d3cuZGlnaWNlcnQuY29tMTQwMgYDVQQDEytEaWdpQ2VydCBTSEEyIEV4dGVuZGVkIFZhbGlkYXRpb24gU2VydmVyIENB"
    "MB4XDTE1MDMxODAwMDAwMFoXDTE3MDMyMjEyMDAwMFowggElMR0wGwYDVQQPDBRQcml2YXRlIE9yZ2FuaXphdGlvbjETMBEGCysGAQQBgjc8Ag"
    "EDEwJVUzEZMBcGCysGAQQBgjc8AgECEwhEZWxhd2FyZTEQMA4GA1UEBRMHMzAxNDI2NzEWMBQGA1UECRMNMjIxMSBOIDFzdCBTdDEOMAwGA1UE"
    "ERMFOTUxMzExCzAJBgNVBAYTAlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMREwDwYDVQQHEwhTYW4gSm9zZTEVMBMGA1UEChMMUGF5UGFsLCBJbm"
    "MuMRgwFgYDVQQLEw9QYXJ0bmVyIFN1cHBvcnQxNDAyBgNVBAMTK21lc3NhZ2V2ZXJpZmljYXRpb25jZXJ0cy5zYW5kYm94LnBheXBhbC5jb20w"
    "ggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDIXgwJj1E+vPOLNA7e3nFsRpQq7G1CFcoCNeRgFIGRfd4itt2jBRPfHXf1eeXODQ6VwT"
    "MP6rVYrI3HBQu5SZRZKO3gALPiBWTcz5FhVovYDz/d/DtasA5L7l1xmRM+GGPEe/D3ETPeyym6GTAuIzR1ju1BuSQlVnIrcILDHrFZo0RyqFH1"
    "eNL3oYfgz+ZCv+WH65rhS60VowiLAb2lsARckJ2P8wKIps3YUxAqVG5SJ9H49ueBDI01wEzE/+59J8s9GThmbMTqP6x4MneAcGN1TPimGd9wZl"
    "bwwrCYDtCoqFDcxMVgvD83uPrIinFwTIOXw63QSv8/+ANuawBcNJDrAgMBAAGjggOAMIIDfDAfBgNVHSMEGDAWgBQ901Cl1qCt7vNKYApl0yHU"
    "+PjWDzAdBgNVHQ4EFgQUt5yLggZOjjfzULzZCgX2KZO3R/gwNgYDVR0RBC8wLYIrbWVzc2FnZXZlcmlmaWNhdGlvbmNlcnRzLnNhbmRib3gucG"
    "F5cGFsLmNvbTAOBgNVHQ8BAf8EBAMCBaAwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMHUGA1UdHwRuMGwwNKAyoDCGLmh0dHA6Ly9j"
    "cmwzLmRpZ2ljZXJ0LmNvbS9zaGEyLWV2LXNlcnZlci1nMS5jcmwwNKAyoDCGLmh0dHA6Ly9jcmw0LmRpZ2ljZXJ0LmNvbS9zaGEyLWV2LXNlcn"
    "Zlci1nMS5jcmwwQgYDVR0gBDswOTA3BglghkgBhv1sAgEwKjAoBggrBgEFBQcCARYcaHR0cHM6Ly93d3cuZGlnaWNlcnQuY29tL0NQUzCBiAYI"
    "KwYBBQUHAQEEfDB6MCQGCCsGAQUFBzABhhhodHRwOi8vb2NzcC5kaWdpY2VydC5jb20wUgYIKwYBBQUHMAKGRmh0dHA6Ly9jYWNlcnRzLmRpZ2"
    "ljZXJ0LmNvbS9EaWdpQ2VydFNIQTJFeHRlbmRlZFZhbGlkYXRpb25TZXJ2ZXJDQS5jcnQwDAYDVR0TAQH/BAIwADCCAX0GCisGAQQB1nkCBAIE"
    "ggFtBIIBaQFnAHUApLkJkLQYWBSHuxOizGdwCjw1mAT5G9+443fNDsgN3BAAAAFMLovtNgAABAMARjBEAiBTR7r3p76qUJzF23lsbD/cLsA0Kl"
    "xoJRSIvIK0OIYWiQIgVQWja8tWBlpcoFP30Iym7IuczitSazpHfhKAVroTgXgAdgBo9pj4H2SCvjqM7rkoHUz8cVFdZ5PURNEKZ6y7T0/7xAAA"
    "AUwui+z4AAAEAwBHMEUCIEP3VYyLQB7lOgFo4WstyOurmRe3xa0OVaeFL/bDohHOAiEA+xQrRVAfaeT4qBdBJzLyVLU4V9bh/qBMXJdjvYujhA"
    "cAdgBWFAaaL9fC7NP14b1Esj7HRna5vJkRXMDvlJhV1onQ3QAAAUwui+6EAAAEAwBHMEUCIQC/YUc5X6xyb3hoo4VMSJqSoNg9KKkvLh9nUQCd"
    "wHi3/QIgNwcBc9ZZCR/aWXQ7hKH6d39kpkDX2Z43XPy/Kl5sKI4wDQYJKoZIhvcNAQELBQADggEBAHixEZNpb0M1MsvsfNI6lLKxrs9sJkcBcm"
    "xrFyhTC8KP+Qp+Z1fnMRQwpTLIMr1+uAMqCPAnIShGHeFNJpUFSMyW4o0l+pZGz/L/YJBs7XP3ChSGC17ZKeGSQFfMqMQXfY/L6+n/1HkAwqme"
    "wqUMEuUmWN3FkXJqVngIYGZtxXRyiv2azLOhrNP8BgNZK6d2gVxntQfGr4hnd8Juq8SJy/S4xpPYYPD8vW7/wSOdAe1/kU38QwDVBQ5PJePS2W"
    "Fwz8YA/eKcyg9lfsianfw35SjehJbnwGwzUbjtibyJnv3eAeYDGxaI6vbuoE99pSmYGIwSBLJwZamJHjci6HL6wLg="
)
_PAYPAL = (
    "vSOIQFIZQHv8G2vpbOpD/4fSC4/MYhdHyv+AmgJyeJQq6q5avWyHIe/zL6qO5hle192HSqKbYveLoFXGJun2od2zXN3Q45VBXwdX3woXYGaNq5"
    "32flAtiYin+tQ/0pNwRDsVIufCxa3a8HskaXy+YEfXNnwCSL287esD3HgOHmuAs0mYKQdbR4e8Evk8XOOQaZzGeV7GNXXz19gzzvyHbsbHmDz5"
    "VoRl9so5OoHqvnc5RtgjZfG8KA9lXh2MTPSbtdTLQb9ikKYnOGM+FasFMxk5stJisgmxaefpO9Q1qm3rCjaJ29aAOyDNr3Q7WkeN3w4bSXtFMw"
    "yRBOF28pJg9g=="
)
_PAYPAL_BODY = (
    b'{"id":"WH-2W7266712B616591M-36507203HX6402335","create_time":"2015-05-12T18:14:14Z","resource_type":'
    b'"sale","event_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource"'
    b':{"id":"7DW85331GX749735N","create_time":"2015-05-12T18:13:18Z","update_time":"2015-05-12T18:13:36Z"'
    b',"amount":{"total":"20.00","currency":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","'
    b'protection_eligibility":"ELIGIBLE","protection_eligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHO'
    b'RIZED_PAYMENT_ELIGIBLE","parent_payment":"PAY-1A142943SV880364LKVJEFPQ","transaction_fee":{"value":"'
    b'0.88","currency":"USD"},"links":[{"href":"https://api.sandbox.paypal.com/v1/payments/sale/7DW85331GX'
    b'749735N","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/payments/sale/7DW85'
    b'331GX749735N/refund","rel":"refund","method":"POST"},{"href":"https://api.sandbox.paypal.com/v1/paym'
    b'ents/payment/PAY-1A142943SV880364LKVJEFPQ","rel":"parent_payment","method":"GET"}]},"links":[{"href"'
    b':"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-2W7266712B616591M-36507203HX640'
    b'2335","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks'
    b'-events/WH-2W7266712B616591M-36507203HX6402335/resend","rel":"resend","method":"POST"}]}'
)

ADYEN_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
_SLASHES = {
    "amount": {"currency": "EUR", "value": 1000},
    "eventCode": "AUTHORISATION",
    "merchantAccountCode": "AntoniStroinski",
    "success": "true",
}
# (key, notification) of the tests of Adyen/adyen-python-api-library, without the fields that are not signed.
ADYEN: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (
        ADYEN_KEY,
        {
            "pspReference": "7914073381342284",
            "merchantReference": "TestPayment-1407325143704",
            "merchantAccountCode": "TestMerchant",
            "amount": {"currency": "EUR", "value": 1130},
            "eventCode": "AUTHORISATION",
            "success": "true",
            "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
        },
    ),
    "colon": (
        "74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174",
        {
            **_SLASHES,
            "pspReference": "M8NB66SBZSGLNK82",
            "merchantReference": ":slashes are fun",
            "additionalData": {"hmacSignature": "2EQYm7YJpKO4EtHSPu55SQTyWf8dkW5u2nD1tJFpViA="},
        },
    ),
    "backslash": (
        "74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174",
        {
            **_SLASHES,
            "pspReference": "T7FD4VM4D3RZNN82",
            "merchantReference": "\\\\slashes are fun",
            "additionalData": {"hmacSignature": "nIgT81gaB5oJpn2jPXupDq68iRo2wUlBsuYjtYfwKqo="},
        },
    ),
}

BRAINTREE_SECRET = "integration_public_key:integration_private_key"
FORM = {"content-type": "application/x-www-form-urlencoded"}
# braintree (PyPI) 4.48.0: webhook_testing.sample_notification("check", "my_id")
BRAINTREE_SIGNATURE = "integration_public_key|7da57591cc4f28c5bd13b22c8fd49fc2fad4b9d9"
BRAINTREE_PAYLOAD = (
    "CiAgICAgICAgICAgIDxub3RpZmljYXRpb24+CiAgICAgICAgICAgICAgICA8dGltZXN0YW1wIHR5\n"
    "cGU9ImRhdGV0aW1lIj4yMDI2LTExLTI3VDIzOjQ4OjQ1WjwvdGltZXN0YW1wPgogICAgICAgICAg\n"
    "ICAgICAgPGtpbmQ+Y2hlY2s8L2tpbmQ+CiAgICAgICAgICAgICAgICAKICAgICAgICAgICAgICAg\n"
    "IDxzdWJqZWN0PgogICAgICAgICAgICA8Y2hlY2sgdHlwZT0iYm9vbGVhbiI+CiAgICAgICAgICAg\n"
    "ICAgdHJ1ZQogICAgICAgICAgICA8L2NoZWNrPgogICAgICAgIDwvc3ViamVjdD4KICAgICAgICAg\n"
    "ICAgPC9ub3RpZmljYXRpb24+CiAgICAgICAg\n"
)

# messagebird/python-rest-api, tests/test_request_validator: (URL, body, token), at 2021-07-05T12:00:00+02:00
_PART = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJq"
)
MESSAGEBIRD = {
    "with neither": (
        "https://example.com/",
        b"",
        _PART
        + "dGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjBmMTE1ZGIwNjJiN2MwZGQwMzBiMTY4Nz"
        "hjOTlkZWE1YzM1NGI0OWRjMzdiMzhlYjg4NDYxNzljNzc4M2U5ZDcifQ.6Fp0rVOsRr1fj9S2GidXAfkmPVofKr8_RTffC6G6r2E",
    ),
    "with parameters": (
        "https://example.com/path?bar=1&foo=2",
        b"",
        _PART
        + "dGkiOiJjOTQ2YWY3Ny1lMTgyLTRlYWEtYjJmZi0xYTU0NWI1ZTk5MWEiLCJ1cmxfaGFzaCI6IjQxZjA1ZjBkZGQwYTIyYWIyMDlhYzQ2Zj"
        "Q3YzQ1NzJkOWNlZmEyNTdlZDc0YjI0MDA0YmFlNzUzZWNlNmMyNjAifQ.huo2ou6JDoDc7sV25d75UMWeYhBeavQlLsqIibSZuac",
    ),
    "with a body": (
        "https://example.com/path?bar=1&foo=2",
        b"Hello, World!",
        _PART
        + "dGkiOiI5M2U1NTAwNi1hMGU4LTQ1MjYtYTE5MC1mYTVmZjAwZWExMTYiLCJ1cmxfaGFzaCI6IjQxZjA1ZjBkZGQwYTIyYWIyMDlhYzQ2Zj"
        "Q3YzQ1NzJkOWNlZmEyNTdlZDc0YjI0MDA0YmFlNzUzZWNlNmMyNjAiLCJwYXlsb2FkX2hhc2giOiJkZmZkNjAyMWJiMmJkNWIwYWY2NzYyOTA4MDl"
        "lYzNhNTMxOTFkZDgxYzdmNzBhNGIyODY4OGEzNjIxODI5ODZmIn0._H--TOuYFLpeEH39-rg5E3IHVkjHozBcaKVWPRC5m9I",
    ),
}


def _certificate(der: str) -> bytes:
    return f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n".encode()


def _sns(message_id: str, version: str, topic: str, timestamp: str, signature: str, **more: str) -> Vector:
    """Of aws/aws-php-sns-message-validator, tests/FunctionalValidationsTest.php: signed by SNS itself."""
    pem = "https://sns.us-east-2.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"
    arn = f"arn:aws:sns:us-east-2:295079676684:publish-and-verify-{topic}"
    message = {
        **{"Type": "Notification", "MessageId": message_id, "TopicArn": arn, "Message": "Hello world", **more},
        **{"Timestamp": timestamp, "SignatureVersion": version, "Signature": signature, "SigningCertURL": pem},
    }
    return Vector(
        "aws-sns",
        "aws/aws-php-sns-message-validator",
        arn,
        "body",
        {"content-type": "text/plain; charset=UTF-8"},
        json.dumps(message).encode(),
        now=1_659_045_000.0,
        body_is_signed=False,
        fetched=_certificate(_SNS_CERT),
    )


def _token(scheme: str, header: str, token: str) -> Vector:
    return Vector(scheme, "computed", SECRET, header, {header: token}, BODY)


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document).encode()


def _in_query(scheme: str, name: str) -> Vector:
    return Vector(scheme, "plain token", "t0ken", "query", {}, BODY, query=f"{name}=t0ken", body_is_signed=False)


VECTORS = [
    *(
        Vector(
            "adyen",
            "Adyen/adyen-python-api-library",
            key,
            "body",
            {},
            json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode(),
            body_is_signed=False,
        )
        for key, item in ADYEN.values()
    ),
    Vector(
        "braintree",
        "braintree (PyPI)",
        BRAINTREE_SECRET,
        "body",
        dict(FORM),
        urlencode({"bt_signature": BRAINTREE_SIGNATURE, "bt_payload": BRAINTREE_PAYLOAD}).encode(),
    ),
    *(
        Vector(
            "messagebird",
            "messagebird/python-rest-api",
            "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb",
            "messagebird-signature-jwt",
            {"messagebird-signature-jwt": token},
            body,
            now=1_625_479_200.0,
            query=url.partition("?")[2],
            options={"public_url": url},
        )
        for url, body, token in MESSAGEBIRD.values()
    ),
    _sns(
        "11405cc3-9ac7-56d5-b45d-079e8f7a8edf",
        "1",
        "6e11fed2-fcdf-4c52-9dc4-36ef43f37f84",
        "2022-07-28T22:53:49.654Z",
        _SNS_1,
        Subject="Hello world",
    ),
    _sns(
        "17dea24b-55c2-540b-8362-f916557af765",
        "2",
        "62674b1d-4295-426b-88e7-5fb75652a04e",
        "2022-07-28T21:24:08.324Z",
        _SNS_2,
    ),
    Vector(
        "paypal",
        "paypal/PayPal-Java-SDK: ValidateCert; the certificate of paypal/PayPal-node-SDK",
        "3RN13029J36659323",
        "paypal-transmission-sig",
        {
            "paypal-cert-url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
            "paypal-transmission-id": "b2384410-f8d2-11e4-8bf3-77339302725b",
            "paypal-transmission-time": "2015-05-12T18:14:14Z",
            "paypal-transmission-sig": _PAYPAL,
        },
        _PAYPAL_BODY,
        now=1_431_454_454.0,
        fetched=_certificate(_PAYPAL_CERTIFICATE),
    ),
    _token("fusionauth", "x-fusionauth-signature-jwt", _FUSIONAUTH),
    _token("livekit", "authorization", _LIVEKIT),
    _token("netlify", "x-webhook-signature", _NETLIFY),
    _token("vonage", "authorization", f"Bearer {_VONAGE}"),
    replace(
        _token("google-pubsub", "authorization", f"Bearer {_GOOGLE}"),
        secret="push@project.iam.gserviceaccount.com",
        options={"public_url": URL},
        body_is_signed=False,
        fetched=_json({"keys": [{"kty": "RSA", "alg": "RS256", "kid": "g-1", "n": _RSA_N, "e": "AQAB"}]}),
    ),
    *(
        replace(
            _token(scheme, "plaid-verification", _PLAID),
            secret="client-id:secret",
            fetched=_json(
                {"key": {"kty": "EC", "crv": "P-256", "alg": "ES256", "x": _EC_X, "y": _EC_Y, "expired_at": None}}
            ),
        )
        for scheme in ("plaid", "plaid-sandbox")
    ),
    Vector("wix", "computed", _RSA_KEY, "body", {}, _WIX.encode()),
    Vector(
        "discord",
        "computed",
        _ED_KEY,
        "x-signature-ed25519",
        {"x-signature-ed25519": _DISCORD, "x-signature-timestamp": "1700000000"},
        BODY,
    ),
    Vector(
        "highlevel",
        "computed",
        _ED_KEY,
        "x-ghl-signature",
        {"x-ghl-signature": _HIGHLEVEL},
        BODY,
    ),
    Vector(
        "manus",
        "computed",
        _RSA_KEY,
        "x-webhook-signature",
        {"x-webhook-signature": _MANUS, "x-webhook-timestamp": "1700000000"},
        BODY,
        timed=True,
        options={"public_url": URL},
    ),
    _in_query("cloudevents", "code"),
    _in_query("event-grid", "code"),
    _in_query("monday", "token"),
    Vector(
        "figma",
        "plain token",
        "a-passcode",
        "body",
        {},
        b'{"event_type":"PING","passcode":"a-passcode"}',
        body_is_signed=False,
    ),
]
