use super::*;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
}

struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    let value = (1_u8, String::from("text"), vec![Some(-3_i64), None]);
    let mut bytes = vec![9];
    encode(&value, &mut bytes, CodecStage::EncodeArguments).unwrap();
    let decoded: (u8, String, Vec<Option<i64>>) =
        decode(&bytes[1..], CodecStage::DecodeArguments).unwrap();
    assert_eq!(decoded, value);
}

#[test]
fn what_is_left_over_or_missing_is_an_error() {
    let mut bytes = Vec::new();
    encode(&(1_u8, 2_u8), &mut bytes, CodecStage::EncodeResult).unwrap();
    let over = decode::<u8>(&bytes, CodecStage::DecodeResult).unwrap_err();
    assert_eq!(over.stage(), CodecStage::DecodeResult);
    assert!(
        over.reason().contains("1 of 2 bytes are left over"),
        "{over}"
    );
    assert!(decode::<(u8, u8, u8)>(&bytes, CodecStage::DecodeResult).is_err());
}

#[test]
fn refusals_say_why() {
    let mut bytes = vec![7];
    let refused = encode(&Refuses, &mut bytes, CodecStage::EncodeArguments).unwrap_err();
    assert!(
        refused.to_string().contains("`Serialize` refused"),
        "{refused}"
    );
    assert_eq!(bytes[0], 7);
    encode(
        &Untagged::Number(1),
        &mut bytes,
        CodecStage::EncodeArguments,
    )
    .unwrap();
    let refused = decode::<Untagged>(&bytes[1..], CodecStage::DecodeArguments).unwrap_err();
    assert!(refused.reason().contains("untagged"), "{refused}");
}
